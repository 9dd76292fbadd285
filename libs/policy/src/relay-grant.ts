import type { Account, Finding } from "./judging.ts";
import type { ScopeChain } from "./policy-state.ts";
import type { KnownReason } from "./reasons.ts";
import type { TraceLine } from "./types.ts";

/** Permission to relay, and on whose account. */
export interface RelayGrant {
  readonly reason: KnownReason;
  readonly vouchedBy: "login" | "ip-entry" | "none";
  readonly line: TraceLine;
  readonly account: Account;
  readonly chain: ScopeChain;
}
/** The answer to "may this be relayed": a grant, a refusal on an account, or undefined while facts are missing. */
export type RelayDecision =
  | { readonly grant: RelayGrant; readonly refusal?: never }
  | { readonly refusal: Finding; readonly account: Account; readonly grant?: never }
  | undefined;
/** What opens relaying, before it is known on whose account. */
export type Opening = Pick<RelayGrant, "reason" | "vouchedBy" | "line">;
