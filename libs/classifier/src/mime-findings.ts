import type { MimeFlag } from "@mailfold/kernel";
import { type Finding, fieldOf, type ParsedMessage } from "./message.ts";

/** Broken-MIME and missing-header findings, with what each adds to the score unless a policy says otherwise. */
export const mimeFindingScores = {
  "mime-bad-header-line": 1,
  "mime-nul-in-header": 2,
  "mime-raw-8bit-header": 0.5,
  "mime-missing-boundary": 1.5,
  "mime-unterminated-multipart": 0.5,
  "mime-bad-encoding": 1,
  "mime-unknown-encoding": 1,
  "mime-unknown-charset": 0.5,
  "mime-type-mismatch": 1.5,
  "mime-too-deep": 2,
  "header-missing-from": 1,
  "header-missing-to": 0.5,
  "header-missing-subject": 0.5,
  "header-missing-date": 0.5,
  "header-repeated": 1.5,
} as const;
export type MimeFinding = keyof typeof mimeFindingScores;

// RFC 5322 section 3.6: at most one of each.
const singleFields = [
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "subject",
  "date",
  "message-id",
  "content-type",
  "mime-version",
];

const flagDetails: Readonly<Record<MimeFlag, string>> = {
  "bad-header-line": "a header line has no field name",
  "nul-in-header": "a NUL stands in the header",
  "raw-8bit-header": "header text beyond ASCII that is not UTF-8",
  "missing-boundary": "a multipart without a boundary",
  "unterminated-multipart": "a multipart that does not end",
  "bad-encoding": "a body that breaks its transfer encoding",
  "unknown-encoding": "an unknown transfer encoding",
  "unknown-charset": "an unknown character set",
  "type-mismatch": "a part whose bytes or name do not fit its type",
  "too-deep": "parts nested beyond the limit",
};

/** The ancestor's Broken MIME header filter and the header tests of its premium filter: a finding for each defect. */
export function findBrokenMime(message: ParsedMessage): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (name: MimeFinding, detail: string): void => {
    findings.push({ name, score: mimeFindingScores[name], detail });
  };
  for (const flag of new Set(message.mimeFlags ?? [])) add(`mime-${flag}`, flagDetails[flag]);
  const missing = (name: string): boolean => fieldOf(message, name).trim() === "";
  if (missing("from")) add("header-missing-from", "no From field");
  // RFC 5322 lets mail have Cc or Bcc alone.
  if (missing("to") && missing("cc") && !message.headers.some((field) => field.name === "bcc")) {
    add("header-missing-to", "neither To nor Cc");
  }
  if (!message.headers.some((field) => field.name === "subject")) add("header-missing-subject", "no Subject field");
  if (missing("date")) add("header-missing-date", "no Date field");
  const repeated = singleFields.filter((name) => message.headers.filter((field) => field.name === name).length > 1);
  if (repeated.length > 0) add("header-repeated", `more than one of: ${repeated.join(", ")}`);
  return findings;
}
