import type { Turns } from "@mailfold/kernel";
import type { ImapDeps, ImapLimits } from "../deps.ts";
import type { IndexWrites } from "../mailbox/index-writes.ts";
import type { RecentClaims } from "../mailbox/recent-claims.ts";

/** What all sessions of one front end share. */
export interface Shared {
  readonly deps: ImapDeps;
  readonly limits: ImapLimits;
  readonly hostname: string;
  readonly recent: RecentClaims;
  readonly literals: LiteralBudget;
  readonly indexWrites: IndexWrites;
  /** For large messages that are read whole: to index them, to search them. */
  readonly largeTurns: Turns;
}

/**
 * Bounds the octets of literals that all sessions together hold in memory. One holder (an account, or an address before
 * login) has one literal, or several up to a quarter of all: it cannot keep everybody else from sending.
 */
export class LiteralBudget {
  #left: number;
  readonly #shareBytes: number;
  readonly #held = new Map<string, number>();

  constructor(bytes: number) {
    this.#left = bytes;
    this.#shareBytes = bytes / 4;
  }

  take(holder: string, bytes: number): boolean {
    const held = this.#held.get(holder) ?? 0;
    if (bytes > this.#left || (held > 0 && held + bytes > this.#shareBytes)) return false;
    this.#left -= bytes;
    this.#held.set(holder, held + bytes);
    return true;
  }

  give(holder: string, bytes: number): void {
    const held = (this.#held.get(holder) ?? 0) - bytes;
    this.#left += bytes;
    if (held > 0) this.#held.set(holder, held);
    else this.#held.delete(holder);
  }
}
