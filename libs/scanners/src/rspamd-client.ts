import { type BreakerOptions, createBreaker } from "./breaker.ts";
import { type RspamdScan, readError, readScan } from "./rspamd-answer.ts";
import { down, type ScannerDown } from "./scanner-down.ts";
import { gateOf, type LoadOptions, withinDeadline } from "./within-deadline.ts";

/** Where rspamd is and how long it may take. */
export interface RspamdOptions extends BreakerOptions, LoadOptions {
  /** Its normal worker (`http://127.0.0.1:11333`). */
  readonly url: string;
  /** Its controller, which learns (`http://127.0.0.1:11334`); `url` when absent. */
  readonly controllerUrl?: string;
  /** The controller's password. */
  readonly password?: string;
  /** For one call, from waiting for a place to the last octet of the answer. */
  readonly deadlineMs: number;
}

/** What rspamd is told of the session. */
export interface RspamdEnvelope {
  /** MAIL FROM; empty for the null reverse-path. */
  readonly from: string;
  /** RCPT TO; only the first 100 are told. */
  readonly recipients: readonly string[];
  readonly ip: string;
  readonly helo: string;
  /** The login of an authenticated sender: rspamd then skips checks that are for strangers. */
  readonly user?: string;
  readonly queueId?: string;
}

/** `refused`: rspamd answered and did not learn it, for instance because it already had. */
export type RspamdLearning = { readonly status: "learned" } | { readonly status: "refused"; readonly cause: string };

/** A client of rspamd's HTTP protocol. Trouble of any kind is the answer `down`, never an exception. */
export interface RspamdClient {
  /** POST /checkv2. */
  scan(message: Uint8Array, envelope: RspamdEnvelope): Promise<RspamdScan | ScannerDown>;
  /** POST /learnspam or /learnham. */
  learn(message: Uint8Array, as: "spam" | "ham"): Promise<RspamdLearning | ScannerDown>;
}

const answerBytesMax = 1_048_576;
const recipientsMax = 100;

/** Makes a client; it holds no connection between calls. */
export function createRspamdClient(options: RspamdOptions): RspamdClient {
  const gate = gateOf(options);
  // Scanning and learning may be other workers: the one's trouble says nothing of the other.
  const breakers = { scan: createBreaker(options), learn: createBreaker(options) };
  const post = (url: URL, headers: Headers, message: Uint8Array, signal: AbortSignal): Promise<HttpAnswer> => {
    headers.set("Content-Type", "application/octet-stream");
    return postBounded(url, { headers, body: message, signal });
  };
  return {
    scan: (message, envelope) =>
      breakers.scan.run(() =>
        withinDeadline({ gate, deadlineMs: options.deadlineMs }, async (signal) => {
          const answer = await post(new URL("/checkv2", options.url), envelopeHeaders(envelope), message, signal);
          return answer.code === 200 ? readScan(answer.body) : down(refusalText(answer));
        }),
      ),
    learn: (message, as) =>
      breakers.learn.run(() =>
        withinDeadline(
          { gate, deadlineMs: options.deadlineMs },
          async (signal): Promise<RspamdLearning | ScannerDown> => {
            const headers = new Headers(options.password === undefined ? {} : { Password: options.password });
            const answer = await post(
              new URL(`/learn${as}`, options.controllerUrl ?? options.url),
              headers,
              message,
              signal,
            );
            if (answer.code === 200) return { status: "learned" };
            // 208: learned before; 204 and 404: too little text for it, or nothing to learn with.
            const answered = answer.code === 204 || answer.code === 208 || readError(answer.body) !== undefined;
            return answered ? { status: "refused", cause: refusalText(answer) } : down(refusalText(answer));
          },
        ),
      ),
  };
}

interface HttpAnswer {
  readonly code: number;
  readonly body: string;
}

function refusalText(answer: HttpAnswer): string {
  return `HTTP ${answer.code}: ${readError(answer.body) ?? "no reason given"}`;
}

/** One POST whose answer is read up to answerBytesMax; a longer one is an error, as is a redirect. */
async function postBounded(
  url: URL,
  request: { readonly headers: Headers; readonly body: Uint8Array; readonly signal: AbortSignal },
): Promise<HttpAnswer> {
  const { headers, signal } = request;
  const body = request.body as Uint8Array<ArrayBuffer>;
  const response = await fetch(url, { method: "POST", redirect: "error", headers, body, signal });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > answerBytesMax) throw new Error(`answer is longer than ${answerBytesMax} octets`);
    chunks.push(chunk);
  }
  return { code: response.status, body: Buffer.concat(chunks).toString("utf8") };
}

function envelopeHeaders(envelope: RspamdEnvelope): Headers {
  const headers = new Headers();
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") headers.append(name, headerText(value));
  };
  set("From", envelope.from);
  // rspamd splits the list at its commas.
  for (const recipient of envelope.recipients.slice(0, recipientsMax)) set("Rcpt", recipient);
  set("IP", envelope.ip);
  set("Helo", envelope.helo);
  set("User", envelope.user);
  set("Queue-Id", envelope.queueId);
  return headers;
}

/** A session's text as a header value: no control characters, UTF-8 octets (RFC 6531) as they are, at most 1,000. */
function headerText(value: string): string {
  const octets = Buffer.from(value.slice(0, 1_000), "utf8").toString("latin1");
  return octets.replace(/[^\x20-\x7e\x80-\xff]/g, "?").trim();
}
