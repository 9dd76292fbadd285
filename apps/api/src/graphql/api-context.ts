import type { Turns } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import type { VerdictExplanation } from "../explain/explain-verdict.ts";
import type { FeedTickets } from "../feed/feed-tickets.ts";
import type { PolicyTimelines } from "../history/policy-timelines.ts";
import type { LogCursors } from "../log-cursor.ts";
import type { Operations } from "../operations/operations.ts";
import type { ApiDeps, ApiLimits } from "../ports.ts";
import type { SimulationJobs } from "../simulation/simulation-jobs.ts";
import type { TokenAuthentication } from "../token-authentication.ts";

/** What resolvers get: the caller of this request, and what the whole API shares. */
export interface ApiContext {
  readonly caller: Caller;
  readonly requestId: string;
  /** Aborts when the client has gone. */
  readonly left: AbortSignal;
  readonly api: ApiShared;
  /** Rows that this request may still read through its connections. */
  rowsLeft: number;
  /** Verdicts explained in this request, by reference. */
  readonly explained: Map<string, Promise<VerdictExplanation | undefined>>;
}

/** What all requests share. */
export interface ApiShared {
  readonly deps: ApiDeps;
  readonly limits: ApiLimits;
  readonly operations: Operations;
  readonly cursors: LogCursors;
  readonly authentication: TokenAuthentication;
  readonly tickets: FeedTickets;
  /** Policy as it was at any position. */
  readonly timelines: PolicyTimelines;
  /** Changes that are tried on recorded traffic. */
  readonly simulations: SimulationJobs;
  /** Previews of held mail that are read at once. */
  readonly previews: Turns;
  /** Verdicts that are explained at once. */
  readonly explains: Turns;
}
