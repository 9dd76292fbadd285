import type { RecipientResult } from "@mailfold/events";
import { contentSizeBytes, type MessageContent, needsUtf8Header, readableOf } from "./message-content.ts";
import { Utf8SmtpConnection } from "./utf8-smtp-connection.ts";

/** What one connection is asked to deliver. */
export interface Handover {
  /** "" = null sender. */
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly message: MessageContent;
  readonly eightBit: boolean;
  /** It came with the SMTPUTF8 parameter, and leaves with it where that is offered (RFC 6531 3.4). */
  readonly smtpUtf8: boolean;
}
export interface Peer {
  readonly host: string;
  readonly ip: string;
  readonly port: number;
  /** Our name in EHLO. */
  readonly helo: string;
  readonly timeoutMs: number;
}
export interface HandoverResult {
  readonly results: readonly RecipientResult[];
  readonly tls: "none" | "opportunistic";
  /** The host could not be talked to at all: another may be tried. */
  readonly unreachable: boolean;
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
  readonly command?: string;
  readonly recipient?: string;
  readonly rejectedErrors?: readonly SmtpError[];
}

/** Delivers over one connection: TLS when offered, in clear when the handshake fails (RFC 7435). Never throws: every ending is a result per recipient. */
export async function deliverTo(peer: Peer, handover: Handover): Promise<HandoverResult> {
  const first = await attempt(peer, handover, false);
  if (first.retryInClear !== true) return first;
  return attempt(peer, handover, true);
}

type Attempt = HandoverResult & { readonly retryInClear?: boolean };

function attempt(peer: Peer, handover: Handover, clear: boolean): Promise<Attempt> {
  return new Promise((resolve) => {
    const connection = new Utf8SmtpConnection({
      host: peer.ip,
      port: peer.port,
      name: peer.helo,
      ignoreTLS: clear,
      tls: { servername: peer.host, rejectUnauthorized: false, minVersion: "TLSv1.2" },
      connectionTimeout: peer.timeoutMs,
      greetingTimeout: peer.timeoutMs,
      socketTimeout: peer.timeoutMs,
      socketCloseTimeout: 1_000,
      maxResponseSize: 65_536,
      logger: false,
    });
    // Idle time-outs alone would let a peer drip one byte at a time: the whole exchange has a deadline too.
    const deadline = setTimeout(
      () => finish(failureOf(new Error("the exchange took too long"), handover)),
      peer.timeoutMs * 5,
    );
    let settled = false;
    function finish(outcome: Attempt, isTalking = false): void {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      if (isTalking) quit(connection);
      else connection.close();
      resolve(outcome);
    }
    connection.on("error", (error: Error) => finish(failureOf(error, handover, clear)));
    connection.on("end", () => finish(failureOf(new Error("the connection was closed"), handover)));
    connection.connect((error?: Error | null) => {
      if (error) return finish(failureOf(error, handover, clear));
      const tls = connection.secure ? "opportunistic" : "none";
      const isUtf8Offered = connection.offers("SMTPUTF8");
      if (!isUtf8Offered && needsUtf8(handover)) {
        return finish(
          all(
            handover,
            {
              outcome: "failed",
              code: 550,
              enhancedCode: "5.6.7",
              text: `${peer.host} does not take internationalised addresses or headers`,
            },
            tls,
          ),
        );
      }
      const envelope = {
        from: handover.sender === "" ? (false as const) : handover.sender,
        to: [...handover.recipients],
        size: contentSizeBytes(handover.message),
        use8BitMime: handover.eightBit,
      };
      connection.isUtf8Message = isUtf8Offered && handover.smtpUtf8;
      connection.send(envelope, readableOf(handover.message), (sendError, info) => {
        if (sendError) {
          const isTalking = (sendError as SmtpError).responseCode !== undefined;
          return finish({ ...failureOf(sendError, handover), tls, unreachable: false }, isTalking);
        }
        finish({ results: resultsOf(info, handover), tls, unreachable: false }, true);
      });
    });
  });
}

const quitTimeoutMs = 2_000;

/** RFC 5321 4.1.1.10: no side just hangs up. The outcome is known already, so nobody waits for the answer. */
function quit(connection: Utf8SmtpConnection): void {
  const timer = setTimeout(() => connection.close(), quitTimeoutMs);
  timer.unref();
  connection.once("end", () => clearTimeout(timer));
  connection.quit();
}

/** A message is marked by its sender's client, often without need: only what is beyond ASCII stops it (RFC 6531 3.4). */
function needsUtf8({ sender, recipients, smtpUtf8, message }: Handover): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 6531 is about what lies outside ASCII.
  const isBeyondAscii = [sender, ...recipients].some((address) => /[^\x00-\x7f]/.test(address));
  return isBeyondAscii || (smtpUtf8 && needsUtf8Header(message));
}

interface SendInfo {
  readonly response: string;
  readonly rejectedErrors?: readonly Error[] | undefined;
}

function resultsOf(info: SendInfo, handover: Handover): readonly RecipientResult[] {
  const refused = new Map(
    (info.rejectedErrors ?? []).map((error) => [(error as SmtpError).recipient, error as SmtpError]),
  );
  return handover.recipients.map((recipient) => {
    const error = refused.get(recipient);
    return error === undefined
      ? { recipient, outcome: "delivered", code: 250, text: clip(info.response) }
      : replyResult(recipient, error);
  });
}

function failureOf(error: Error, handover: Handover, clear = true): Attempt {
  const smtp = error as SmtpError;
  const perRecipient = new Map((smtp.rejectedErrors ?? []).map((each) => [each.recipient, each]));
  const results = handover.recipients.map((recipient) => replyResult(recipient, perRecipient.get(recipient) ?? smtp));
  const handshake = smtp.code === "ETLS" || /SSL|TLS|certificate|EPROTO/i.test(`${smtp.code} ${smtp.message}`);
  return { results, tls: "none", unreachable: true, retryInClear: handshake && !clear };
}

function replyResult(recipient: string, error: SmtpError): RecipientResult {
  const code = error.responseCode;
  const text = clip(error.response ?? error.message);
  const enhancedCode = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(error.response ?? "")?.[1];
  const permanent = code !== undefined && code >= 500;
  return {
    recipient,
    outcome: permanent ? "failed" : "deferred",
    text,
    ...(code === undefined ? {} : { code }),
    ...(enhancedCode === undefined ? {} : { enhancedCode }),
  };
}

function all(handover: Handover, result: Omit<RecipientResult, "recipient">, tls: HandoverResult["tls"]): Attempt {
  return { results: handover.recipients.map((recipient) => ({ recipient, ...result })), tls, unreachable: false };
}

function clip(text: string): string {
  return text.replace(/[\r\n]+/g, " ").slice(0, 500);
}
