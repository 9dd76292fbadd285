import { isIPv4 } from "node:net";
import { type AuthDnsAnswer, type AuthQuestion, type AuthResolver, askResolver } from "./resolver-port.ts";

/** mailauth's resolver: a list of records, or an error with the `code` that node:dns would give. */
type CodedResolver = (name: string, type: string) => Promise<string[]>;

/** DNS for one message: each question put once, a cap on their number, one deadline for all of them. */
export interface BoundedDns {
  readonly resolve: CodedResolver;
  /** Lower-case names whose look-up failed (time-out, SERVFAIL, over the cap) so far. */
  readonly failedNames: ReadonlySet<string>;
  /** Milliseconds until this view's deadline. */
  remainingMs(): number;
  /**
   * The same memory with a list of failures of its own, and only `share` (0..1) of the deadline: names that a stranger chose
   * and lets hang must not use up the time of the look-ups that decide about him.
   */
  fork(share?: number): BoundedDns;
}

/** Most questions for one message. SPF needs at most 111, DKIM 10, an ARC chain of 50 sets 51, DMARC 8 a domain. */
const questionsMax = 300;

/** `deadlineMs`: from now; a question without an answer by then has failed. */
export function boundDns(resolver: AuthResolver, deadlineMs: number): BoundedDns {
  const startedAt = performance.now();
  const answers = new Map<string, Promise<AuthDnsAnswer<unknown>>>();
  const ask = (question: AuthQuestion, timeoutMs: number): Promise<AuthDnsAnswer<unknown>> => {
    const key = `${question.type} ${question.subject}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    if (answers.size >= questionsMax) return failed("too many questions");
    const answer = withDeadline(resolver, question, timeoutMs);
    answers.set(key, answer);
    return answer;
  };
  const view = (share: number): BoundedDns => {
    const remainingMs = () => startedAt + deadlineMs * share - performance.now();
    const failedNames = new Set<string>();
    const resolve: CodedResolver = async (rawName, type) => {
      const name = rawName.toLowerCase().replace(/\.$/, "");
      const question = questionOf(name, type);
      // Only DMARC's existence test asks for another type (CNAME), after an NXDOMAIN: there is none.
      if (question === undefined) throw codedError("ENODATA", name);
      const answer = await ask(question, remainingMs());
      if (answer.status === "found") return recordsOf(question, answer.records);
      if (answer.status === "none") throw codedError(answer.noSuchName === true ? "ENOTFOUND" : "ENODATA", name);
      failedNames.add(name);
      throw codedError("ESERVFAIL", name, answer.cause);
    };
    return { resolve, failedNames, remainingMs, fork: (part = 1) => view(share * part) };
  };
  return view(1);
}

function failed(cause: string): Promise<AuthDnsAnswer<unknown>> {
  return Promise.resolve({ status: "failed", cause });
}

async function withDeadline(
  resolver: AuthResolver,
  question: AuthQuestion,
  timeoutMs: number,
): Promise<AuthDnsAnswer<unknown>> {
  if (timeoutMs <= 0) return failed("deadline passed");
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<AuthDnsAnswer<unknown>>((resolve) => {
    timer = setTimeout(() => resolve({ status: "failed", cause: "deadline passed" }), timeoutMs);
  });
  try {
    const answer = askResolver(resolver, question).catch(
      (error: unknown): AuthDnsAnswer<unknown> => ({ status: "failed", cause: String(error) }),
    );
    return await Promise.race([answer, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function questionOf(name: string, type: string): AuthQuestion | undefined {
  if (type === "PTR") {
    const ip = addressOfReverseName(name);
    return ip === undefined ? undefined : { type, subject: ip };
  }
  return type === "A" || type === "AAAA" || type === "MX" || type === "TXT" ? { type, subject: name } : undefined;
}

/** Records as mailauth takes them. A TXT record is one string here: its parts were joined (RFC 7208 section 3.3). */
function recordsOf(question: AuthQuestion, records: readonly unknown[]): string[] {
  const list = records as string[];
  if (question.type === "A") return list.filter((ip) => isIPv4(ip));
  if (question.type === "AAAA") return list.filter((ip) => !isIPv4(ip));
  return [...list];
}

function codedError(code: string, name: string, cause?: string): Error {
  return Object.assign(new Error(`${code} ${name}${cause === undefined ? "" : ` (${cause})`}`), { code });
}

/** The address whose PTR record a name holds: in-addr.arpa (RFC 1035 section 3.5) or ip6.arpa (RFC 3596 section 2.5). */
export function addressOfReverseName(name: string): string | undefined {
  const v4 = /^(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\.in-addr\.arpa$/.exec(name)?.[1];
  if (v4 !== undefined) return v4.split(".").reverse().join(".");
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (v6 === undefined) return undefined;
  const nibbles = v6.split(".").slice(0, 32).reverse().join("");
  return nibbles.match(/.{4}/g)?.join(":");
}
