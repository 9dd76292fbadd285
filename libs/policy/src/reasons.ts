import { checkReasons } from "./check-reasons.ts";
import { contentReasons } from "./content-reasons.ts";
import { learnedReasons } from "./learned-reasons.ts";
import { mailReasons } from "./mail-reasons.ts";
import { peerReasons } from "./peer-reasons.ts";

/** The closed catalogue of reasons; docs/reference/verdict-reasons.md is made from it. A name is never reused. */
export const reasons = {
  ...peerReasons,
  ...checkReasons,
  ...learnedReasons,
  ...mailReasons,
  ...contentReasons,
} as const;

/** A name in the catalogue. */
export type KnownReason = keyof typeof reasons;
