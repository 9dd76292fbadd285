import type { ImapDeps, ImapLimits } from "../deps.ts";
import type { RecentClaims } from "../mailbox/recent-claims.ts";

/** What all sessions of one front end share. */
export interface Shared {
  readonly deps: ImapDeps;
  readonly limits: ImapLimits;
  readonly hostname: string;
  readonly recent: RecentClaims;
  readonly literals: LiteralBudget;
}

/** Bounds the octets of literals that all sessions together hold in memory. */
export class LiteralBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}
