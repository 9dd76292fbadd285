import { setTimeout as delay } from "node:timers/promises";
import { readerGeneration, UndecodableEvent } from "@mailfold/events";
import { uuidV5 } from "@mailfold/ids";
import type { Clock, Position, RecordedEvent } from "@mailfold/kernel";
import { type EvidenceKind, snapshotParts } from "@mailfold/reputation";
import { learnedEventTypes, learnedStreams } from "./evidence-of-event.ts";
import type { ListingRecorder } from "./listing-recorder.ts";
import { type LearnersLog, openFold } from "./open-fold.ts";
import type { ReputationFold } from "./reputation-fold.ts";
import { type FoldedTo, isBrokenFile, openReputationStore, type ReputationStore } from "./reputation-store.ts";
import { tenantEventTypes, tenantStreams } from "./tenants-of-log.ts";

/** What the learner says of itself, for metrics. Plain data. */
export interface LearnerReport {
  readonly evidence: readonly (readonly [EvidenceKind, number])[];
  readonly decisions: readonly (readonly [list: "platform" | "tenant", change: string, count: number])[];
  readonly listings: { readonly platform: number; readonly tenants: number };
  /** Age of the event worked on; 0 when none waits. */
  readonly lagSeconds: number;
  /** Everything before this time, ms since the epoch, is learned. */
  readonly learnedUntil: number;
}

export interface LearnerOptions {
  readonly log: LearnersLog;
  readonly recorder: ListingRecorder;
  readonly clock: Clock;
  /** DATA/reputation.db */
  readonly path: string;
  readonly report: (report: LearnerReport) => void;
  readonly warn: (text: string, error?: unknown) => void;
  /** Events after which the state is kept; default 20,000, and after 30 s in any case. */
  readonly saveEvents?: number;
  /** Part of the time that saving may take; default 0.02. */
  readonly saveShareMax?: number;
  readonly tickEveryMs?: number;
  readonly retryMs?: number;
}

/** A running learner. */
export interface Learner {
  /** Keeps its state, and ends. */
  close(): Promise<void>;
}

const dayMs = 86_400_000;
const defaults = { saveEvents: 20_000, saveShareMax: 0.02, tickEveryMs: 1_000, retryMs: 250 } as const;
const saveEveryMs = 30_000;
const retryMsMax = 30_000;
/** Evidence lives for 90 days: ample time for the next one. */
const checkpointEveryMs = 7 * dayMs;
const sendersKeptMs = 91 * dayMs;
/** A clock that is a little ahead must not make a listing end early. */
const tickAfterMs = 1_000;

const filter = {
  types: [...tenantEventTypes, ...learnedEventTypes, "ReputationCheckpointed"],
  streamPrefixes: [...tenantStreams, ...learnedStreams],
};

/**
 * Learns from the log and has its decisions recorded in it. A decision is recorded before anything later is kept, and has the
 * same id whenever it is made again: killed at any moment, the learner goes on to the same end, and no listing is doubled.
 */
export function startLearner(options: LearnerOptions): Learner {
  const abort = new AbortController();
  const done = keepLearning(options, abort.signal).catch((error: unknown) =>
    options.warn("blacklists do not learn any more", error),
  );
  return {
    async close() {
      abort.abort();
      await done;
    },
  };
}

async function keepLearning(options: LearnerOptions, signal: AbortSignal): Promise<void> {
  const { retryMs = defaults.retryMs } = options;
  let waitMs: number = retryMs;
  let isBroken = false;
  while (!signal.aborted) {
    let store: ReputationStore | undefined;
    try {
      const opened = openReputationStore(options.path, await options.log.epoch(), isBroken);
      if (opened.rebuilt !== undefined) options.warn(`the file of reputations is begun anew: ${opened.rebuilt}`);
      isBroken = false;
      store = opened.store;
      const run = await LearnerRun.open(options, store);
      await run.follow(signal, () => {
        waitMs = retryMs;
      });
    } catch (error) {
      isBroken = isBrokenFile(error);
      if (!signal.aborted) options.warn("learning blacklists is being retried", error);
    } finally {
      store?.close();
    }
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(waitMs * 2, retryMsMax);
  }
}

class LearnerRun {
  readonly #options: LearnerOptions;
  readonly #store: ReputationStore;
  readonly #fold: ReputationFold;
  #position: Position;
  #foldedTo: FoldedTo | undefined;
  #checkpointAt: number | undefined;
  #isLive = false;
  #isTicking = false;
  #unsaved = 0;
  #savedAt = performance.now();
  #saveMs = 0;
  #isIdle = false;
  #decisions = new Map<string, number>();
  #at = 0;

  private constructor(options: LearnerOptions, store: ReputationStore, opened: Awaited<ReturnType<typeof openFold>>) {
    this.#options = options;
    this.#store = store;
    this.#fold = opened.fold;
    this.#position = opened.position;
    this.#foldedTo = opened.foldedTo;
    this.#checkpointAt = opened.checkpointAt;
  }

  static async open(options: LearnerOptions, store: ReputationStore): Promise<LearnerRun> {
    return new LearnerRun(options, store, await openFold(options.log, store));
  }

  /** Follows the log until the signal; keeps the state at the end, unless it ends by a fault. */
  async follow(signal: AbortSignal, progressed: () => void): Promise<void> {
    const { log, tickEveryMs = defaults.tickEveryMs } = this.#options;
    const ticks = setInterval(() => {
      void this.#tick();
      this.#report();
    }, tickEveryMs);
    try {
      for await (const message of log.subscribe({ after: this.#position, filter, signal })) {
        this.#isIdle = false;
        if (message.type === "event") await this.#take(message.event);
        else if (message.type !== "fellBehind") this.#position = message.position;
        if (message.type === "caughtUp") await this.#caughtUp();
        progressed();
        if (this.#isSaveDue()) this.#save();
        this.#isIdle = this.#isLive;
      }
      if (this.#unsaved > 0) this.#save();
    } finally {
      clearInterval(ticks);
    }
  }

  async #take(event: RecordedEvent): Promise<void> {
    if ((event.metadata.minReader ?? 0) > readerGeneration) throw new Error(`event ${event.id} needs newer code`);
    this.#position = event.position;
    if (event instanceof UndecodableEvent) return;
    if (event.type === "ReputationTicked") this.#isTicking = false;
    if (event.type === "ReputationCheckpointed") {
      this.#checkpointAt = event.occurredAt;
      return;
    }
    for (const decided of this.#fold.take(event)) {
      const { decision } = decided;
      if ((await this.#options.recorder.decided(decided)) !== "recorded") continue;
      const change = decision.type === "listed" ? decision.change : decision.cause;
      const name = `${decision.scope === "platform" ? "platform" : "tenant"} ${change}`;
      this.#decisions.set(name, (this.#decisions.get(name) ?? 0) + 1);
    }
    const { id, revision, stream } = event;
    this.#foldedTo = { stream, revision, id };
    this.#unsaved++;
    this.#at = event.occurredAt;
    await this.#checkpoint();
  }

  async #caughtUp(): Promise<void> {
    this.#isLive = true;
    await this.#checkpoint();
  }

  /** Has a time recorded at which listings are due: the fold learns of it like of everything else, from the log. */
  async #tick(): Promise<void> {
    const now = this.#options.clock.now();
    if (!this.#isLive || this.#isTicking || this.#fold.dueAt + tickAfterMs > now) return;
    this.#isTicking = true;
    await this.#options.recorder.ticked(now).catch((error: unknown) => {
      this.#isTicking = false;
      this.#options.warn("the time could not be recorded for the learner", error);
    });
  }

  /** Has the state recorded in the log now and then, so that evidence may expire. */
  async #checkpoint(): Promise<void> {
    const { now } = this.#fold.reputation;
    const foldedTo = this.#foldedTo;
    if (!this.#isLive || foldedTo === undefined) return;
    this.#checkpointAt ??= now;
    if (now - this.#checkpointAt < checkpointEveryMs) return;
    const checkpointId = uuidV5(foldedTo.id, "checkpoint");
    let part = 0;
    let parts = 0;
    for (const snapshot of snapshotParts(this.#fold.reputation)) {
      if (snapshot.part === "head") ({ parts } = snapshot);
      const data = {
        checkpointId,
        part: part++,
        parts,
        foldedTo,
        snapshot: snapshot as unknown as Record<string, unknown>,
      };
      await this.#options.recorder.checkpointed(data, now);
    }
    this.#checkpointAt = now;
  }

  #isSaveDue(): boolean {
    const { saveEvents = defaults.saveEvents, saveShareMax = defaults.saveShareMax } = this.#options;
    if (this.#unsaved === 0) return false;
    const waitedMs = performance.now() - this.#savedAt;
    return (this.#unsaved >= saveEvents || waitedMs > saveEveryMs) && waitedMs * saveShareMax >= this.#saveMs;
  }

  #save(): void {
    const startedAt = performance.now();
    const position = this.#position;
    this.#store.save(
      {
        position,
        ...(this.#foldedTo === undefined ? {} : { foldedTo: this.#foldedTo }),
        ...(this.#checkpointAt === undefined ? {} : { checkpointAt: this.#checkpointAt }),
        parts: snapshotParts(this.#fold.reputation),
      },
      this.#fold.reputation.now - sendersKeptMs,
    );
    this.#unsaved = 0;
    this.#savedAt = performance.now();
    this.#saveMs = this.#savedAt - startedAt;
  }

  #report(): void {
    const decisions = [...this.#decisions].map(([name, count]) => {
      const [list, change = ""] = name.split(" ");
      return [list as "platform" | "tenant", change, count] as const;
    });
    this.#decisions = new Map();
    const now = this.#options.clock.now();
    this.#options.report({
      evidence: [...this.#fold.takeCounts()],
      decisions,
      listings: this.#fold.listings(),
      lagSeconds: this.#isIdle ? 0 : Math.max(0, now - this.#at) / 1_000,
      learnedUntil: this.#isIdle ? now : this.#at,
    });
  }
}
