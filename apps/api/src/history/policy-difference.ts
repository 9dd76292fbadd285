import type { SenderList } from "@mailfold/domain";

/** What a difference is about. */
type PolicyPart = "setting" | "limit" | "rule" | "entry" | "pardon";

/** What stands under a name on one side of a difference. */
export interface PolicyStand {
  readonly value: unknown;
  /** Where it is set: a scope's id, `platform`, `default`. */
  readonly scope: string;
  /** The scope lies in the reader's subtree: it may be named, and so may the event. */
  readonly shown: boolean;
  /** UUID of the event that set it. */
  readonly byEvent?: string | undefined;
}

/** One name whose policy differs between two moments. An absent side = nothing stood there. */
export interface PolicyDifference {
  readonly part: PolicyPart;
  /** Of a setting (and its limit), a rule, an entry's pattern, or who is pardoned. */
  readonly name: string;
  readonly list?: SenderList | undefined;
  readonly before?: PolicyStand | undefined;
  readonly after?: PolicyStand | undefined;
  /** UUID of the last event that changed it in between, where it lies in the reader's subtree. */
  readonly changedBy?: string | undefined;
}
