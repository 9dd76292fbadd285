import type { Clock } from "@mailfold/kernel";
import { newSecret } from "../bearer-token.ts";
import type { Caller } from "../caller.ts";

const lifeMs = 30_000;
const ticketsMax = 10_000;

/** Single-use tickets for browsers, which cannot set headers on a websocket; 30 s each. */
export interface FeedTickets {
  create(caller: Caller): { readonly ticket: string; readonly expiresAt: number };
  /** The caller of a ticket, once. */
  redeem(ticket: string): Caller | undefined;
}

/** Tickets in memory: they outlive nothing. The oldest gives way beyond 10,000. */
export function createFeedTickets(clock: Clock): FeedTickets {
  const tickets = new Map<string, { readonly caller: Caller; readonly expiresAt: number }>();
  return {
    create(caller) {
      const ticket = newSecret();
      const expiresAt = clock.now() + lifeMs;
      tickets.set(ticket, { caller, expiresAt });
      const oldest = tickets.keys().next().value;
      if (tickets.size > ticketsMax && oldest !== undefined) tickets.delete(oldest);
      return { ticket, expiresAt };
    },
    redeem(ticket) {
      const found = tickets.get(ticket);
      tickets.delete(ticket);
      return found !== undefined && found.expiresAt > clock.now() ? found.caller : undefined;
    },
  };
}
