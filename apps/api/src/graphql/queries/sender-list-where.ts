import type { ListingSubject } from "@mailfold/domain";
import { parseSenderPattern } from "@mailfold/policy";
import { parseSubject } from "../../operations/listing-subject.ts";
import { badRequest } from "../api-error.ts";
import { builder } from "../builder.ts";

/** What a sender list is narrowed to. */
export const senderListWhere = builder.inputType("SenderListWhere", {
  description: "All members must match.",
  fields: (t) => ({
    pattern: t.string({ description: "This entry alone: IP, CIDR, host, user@host, @host or @*suffix." }),
    includeEnded: t.boolean({ description: "Learned listings: also those that are over." }),
  }),
});

/** The same, read: the pattern in its canonical form. */
export interface SenderListWanted {
  readonly pattern?: string;
  readonly subject?: ListingSubject;
  readonly includeEnded: boolean;
}

/** Reads the input; a pattern that no list takes is a BAD_REQUEST. */
export function readSenderListWhere(
  input: typeof senderListWhere.$inferInput | null | undefined,
  isLearned: boolean,
): SenderListWanted {
  const includeEnded = input?.includeEnded ?? false;
  const text = input?.pattern;
  if (text === null || text === undefined) return { includeEnded };
  const parsed = isLearned ? parseSubject(text) : parseSenderPattern(text);
  if ("problem" in parsed) throw badRequest("PATTERN_INVALID", parsed.problem);
  return "pattern" in parsed ? { pattern: parsed.pattern, includeEnded } : { subject: parsed, includeEnded };
}
