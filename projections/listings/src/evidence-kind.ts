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

/** What a verdict may be evidence of; undefined where it never is. Which verdicts count, the learner decides. */
export function evidenceKindOf({
  action,
  phase,
  reason,
}: Pick<VerdictRecorded["data"], "action" | "phase" | "reason">): EvidenceKind | undefined {
  if (reason.startsWith("learned-")) return undefined;
  if (reason.includes("trap")) return "trap";
  if (reason === "recipient-unknown") return "unknownRecipient";
  if (phase !== "data") return undefined;
  // Mail that is only marked as spam is taken, and is evidence all the same.
  return action !== "accept" || reason.startsWith("spam-") ? "contentSpam" : undefined;
}
