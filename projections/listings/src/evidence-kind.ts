import type { VerdictRecorded } from "@mailfold/events";

/** What speaks for or against a sender, as people see it. */
export type EvidenceKind =
  | "userSpam"
  | "userNotSpam"
  | "contentSpam"
  | "trap"
  | "unknownRecipient"
  | "read"
  | "replied";

/** Reasons by which the content was found to be spam. */
const spamReasons: ReadonlySet<string> = new Set([
  "virus-found",
  "virus-quarantined",
  "virus-discarded",
  "spam-rejected",
  "spam-quarantined",
  "spam-junk",
  "spam-tagged",
  "spam-marked",
  "discarded-junk",
]);

/** What a verdict may be evidence of; undefined where it never is. Whether it counts, the learner decides. */
export function evidenceKindOf({ phase, reason }: Pick<VerdictRecorded["data"], "phase" | "reason">) {
  const kind = (name: EvidenceKind) => name;
  if (reason === "recipient-spam-trap") return kind("trap");
  if (reason === "recipient-unknown") return kind("unknownRecipient");
  return phase === "data" && spamReasons.has(reason) ? kind("contentSpam") : undefined;
}
