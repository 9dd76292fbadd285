import type { Journal } from "@mailfold/journal";
import type { Clock } from "@mailfold/kernel";
import type { OpenedReadStore } from "@mailfold/read-store";
import type { Logger } from "@mailfold/telemetry";
import { expireHeldCopies, letGoOfSettled } from "./expire-held.ts";
import { lapseDomainClaims } from "./lapse-claims.ts";

export interface HousekeepingDeps {
  readonly journal: Pick<Journal, "events" | "bodies">;
  readonly rows: Pick<OpenedReadStore, "dropExpired" | "selectAsync">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Everything before this time, ms since the epoch, is learned by the learner of blacklists. */
  readonly learnedUntil?: () => number;
}

/** What a platform does by itself, by the clock. */
export interface Housekeeping {
  /** Waits for a round that is under way. */
  close(): Promise<void>;
}

/** How long a body that nothing holds is kept before its space is freed. */
const bodyGraceMs = 24 * 3_600_000;
const trafficRetentionMs = 90 * 86_400_000;
/** How much longer traffic stays when the learner has not seen it yet. */
const unlearnedMs = 30 * 86_400_000;
/** Stores of a cluster let go of nothing that is younger than an hour, and views lag. */
const lookBackMs = 3 * 3_600_000;
/** After a start: what the process before could not do. Longer ago, bodies go with their streams. */
const firstLookBackMs = 26 * 3_600_000;
/** Not while a start is busy, but also on a platform that is restarted every day. */
const firstRoundMs = 5 * 60_000;
const roundEveryMs = 3_600_000;

/** Keeps house soon after the start and every hour from then on. */
export function startHousekeeping(deps: HousekeepingDeps): Housekeeping {
  let round: Promise<void> | undefined;
  const memory: HouseMemory = {};
  const begin = () => {
    round ??= keepHouse(deps, memory).finally(() => {
      round = undefined;
    });
  };
  const timers = [setTimeout(begin, firstRoundMs), setInterval(begin, roundEveryMs)];
  for (const timer of timers) timer.unref();
  return {
    async close() {
      for (const timer of timers) clearInterval(timer);
      await round;
    },
  };
}

/** What one round leaves for the next. */
interface HouseMemory {
  /** Since when the bodies of settled copies have to be looked at, ms since the epoch. */
  settledSince?: number;
}

/**
 * One round: drops expired traffic, ends held copies and claims whose time is over, frees bodies that nothing holds. A failure
 * waits for the next round.
 */
export async function keepHouse(deps: HousekeepingDeps, memory: HouseMemory = {}): Promise<void> {
  const { journal, rows, clock, log, learnedUntil } = deps;
  await attempt(log, "dropping expired traffic", async () => {
    const due = clock.now() - trafficRetentionMs;
    // Evidence must not go before it is learned; but a learner that stands still must not fill the disk.
    const before = Math.min(due, Math.max(learnedUntil?.() ?? due, due - unlearnedMs));
    if (before < due) log.warn("traffic stays longer than it should: blacklists have not learned from it yet");
    // Held copies go with the verdicts that explain them: a floor of their own would cut views of other traffic short.
    const expired = await journal.events.expire("traffic", before, { quarantine: before });
    if (expired === 0) return;
    await rows.dropExpired();
    log.info({ expired }, "expired traffic dropped");
  });
  await attempt(log, "ending held copies", async () => {
    const startedAt = clock.now();
    const ended = await expireHeldCopies({ journal, rows, clock });
    if (ended > 0) log.info({ ended }, "held copies expired");
    await letGoOfSettled({ journal, rows, clock }, memory.settledSince ?? startedAt - firstLookBackMs);
    memory.settledSince = startedAt - lookBackMs;
  });
  await attempt(log, "freeing unused bodies", async () => {
    const freed = await journal.bodies.free(bodyGraceMs);
    if (freed.bodies > 0) log.info(freed, "unused bodies freed");
  });
  await attempt(log, "ending lapsed claims", async () => {
    const lapsed = await lapseDomainClaims({ events: journal.events, rows, clock });
    if (lapsed > 0) log.info({ lapsed }, "unverified claims on domains lapsed");
  });
}

async function attempt(log: Logger, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.warn({ err: error }, `${what} failed, it is tried again in an hour`);
  }
}
