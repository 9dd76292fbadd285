import { down, printable, type ScannerDown } from "./scanner-down.ts";

/** A rule of rspamd that matched. */
export interface RspamdSymbol {
  readonly name: string;
  readonly score: number;
}

/** What rspamd thinks of a message. */
export interface RspamdScan {
  readonly status: "scanned";
  readonly score: number;
  /** The score at which rspamd would reject. */
  readonly requiredScore: number;
  /** "no action", "greylist", "add header", "rewrite subject", "soft reject", "reject", or one its operator made. */
  readonly action: string;
  /** The weightiest first, at most 100. */
  readonly symbols: readonly RspamdSymbol[];
  /** The subject that "rewrite subject" asks for; a stranger's text, unchecked but for its length (1,000 characters). */
  readonly subject?: string;
}

const symbolsMax = 100;

/** Reads the body of /checkv2; anything that does not have its shape is a scanner that is not one. */
export function readScan(body: string): RspamdScan | ScannerDown {
  const answer = record(parse(body));
  if (answer === undefined) return down("answer is not a JSON object");
  const { score, required_score: requiredScore, action, subject } = answer;
  if (!isNumber(score) || typeof action !== "string") return down("answer has no score and action");
  return {
    status: "scanned",
    score,
    requiredScore: isNumber(requiredScore) ? requiredScore : 0,
    action: printable(action, 64),
    symbols: symbolsOf(answer.symbols),
    ...(typeof subject === "string" ? { subject: subject.slice(0, 1_000) } : {}),
  };
}

/** The `error` of a refusal's body, if it has one. */
export function readError(body: string): string | undefined {
  const error = record(parse(body))?.error;
  return typeof error === "string" ? printable(error, 150) : undefined;
}

function symbolsOf(found: unknown): RspamdSymbol[] {
  const symbols = Object.entries(record(found) ?? {}).map(([name, value]) => {
    const score = record(value)?.score;
    return { name: printable(name, 128), score: isNumber(score) ? score : 0 };
  });
  return symbols.sort((a, b) => Math.abs(b.score) - Math.abs(a.score)).slice(0, symbolsMax);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
