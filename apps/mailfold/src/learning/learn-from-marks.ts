import { setTimeout as delay } from "node:timers/promises";
import { type BlobStore, BodyCorrupt } from "@mailfold/blob-store";
import { defaultTokensMax, type LearnableMark } from "@mailfold/classifier";
import type { EventStore } from "@mailfold/event-store";
import { type BodyRef, type MessageMarked, readerGeneration, UndecodableEvent } from "@mailfold/events";
import type { Clock, Position, RecordedEvent, TenantId } from "@mailfold/kernel";
import type { Logger, Metrics } from "@mailfold/telemetry";
import { createLearningThread, LearningFault, LearningOverBudget, type LearningThread } from "./learning-thread.ts";
import type { RspamdTeacher } from "./teach-rspamd.ts";

export interface LearningDeps {
  readonly events: Pick<EventStore, "subscribe" | "epoch">;
  readonly bodies: Pick<BlobStore, "readRange">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
  readonly metrics: Pick<Metrics, "classifierMarks" | "classifierLagSeconds">;
  /** DATA/classifier.db */
  readonly path: string;
  /** The file was begun anew: readers must open it again. */
  readonly onRebuilt: () => void;
  /** Whether a tenant was erased: what was learned from its mail is then forgotten within an hour. */
  readonly isErased: (tenantId: TenantId) => boolean;
  readonly rspamd?: RspamdTeacher;
  /** First wait after a failure; it doubles up to 30 s. Default 250 ms. */
  readonly retryMs?: number;
  /** How often what is old, or an erased tenant's, is removed; default an hour. */
  readonly expireEveryMs?: number;
}

export interface Learning {
  close(): Promise<void>;
}

const dayMs = 86_400_000;
/** Octets of a message that are read; what filters look at comes early. */
const bodyBytesMax = 4_194_304;
const learnBudgetMs = 15_000;
/** An eviction of a large tenant's tokens is within it. */
const storeBudgetMs = 60_000;
/** A stop does not wait for a message that takes long: it is learned after the next start. */
const closeWithinMs = 3_000;
const defaultRetryMs = 250;
const retryMsMax = 30_000;
/** Reading one body is tried so often, over minutes, before the mark is passed over. */
const bodyAttemptsMax = 12;
const passEveryMs = 5_000;
/** Tokens that nobody's mail had for so long say little of today's. */
const tokenLifeDays = 180;
/** As long as the log keeps marks: who changes his mind later begins anew. */
const markLifeDays = 90;
const defaultExpireEveryMs = 3_600_000;
const expireRowsMax = 2_000;
/** What a rebuild reads again, rspamd has learned long ago. */
const taughtWithinMs = dayMs;

/**
 * Trains each tenant's classifier from its users' marks: follows the log from the place that is kept in the token store
 * itself. Runs beside everything else: what fails is tried again, and never a reason not to serve.
 */
export function startLearning(deps: LearningDeps): Learning {
  const abort = new AbortController();
  let learner: Learner | undefined;
  const done = (async () => {
    const thread = createLearningThread({
      path: deps.path,
      epoch: await deps.events.epoch(),
      tokensMax: defaultTokensMax,
    });
    learner = new Learner(deps, thread);
    await follow(deps, learner, abort.signal);
  })().catch((error: unknown) => deps.log.warn({ err: error }, "the classifier does not learn any more"));
  const expiry = setInterval(() => void learner?.expire(abort.signal), deps.expireEveryMs ?? defaultExpireEveryMs);
  expiry.unref();
  return {
    async close() {
      clearInterval(expiry);
      abort.abort();
      const impatience = setTimeout(() => void learner?.abandon(), closeWithinMs);
      await done;
      await learner?.close();
      clearTimeout(impatience);
      await deps.rspamd?.close();
    },
  };
}

async function follow(deps: LearningDeps, learner: Learner, signal: AbortSignal): Promise<void> {
  const { events, log, metrics, retryMs = defaultRetryMs } = deps;
  let waitMs = retryMs;
  while (!signal.aborted) {
    try {
      const after = await learner.open();
      for await (const message of events.subscribe({ after, filter: { streamPrefixes: ["mark-"] }, signal })) {
        if (message.type === "event") await learner.take(message.event);
        else if (message.type !== "fellBehind") await learner.pass(message.position);
        if (message.type === "caughtUp") metrics.classifierLagSeconds.set(0);
        waitMs = retryMs;
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, "learning from marks is being retried");
      await learner.failed(error);
    }
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(waitMs * 2, retryMsMax);
  }
}

/** One mark after the other. */
class Learner {
  readonly #deps: LearningDeps;
  readonly #thread: LearningThread;
  #fresh = false;
  #passedAt = Number.NEGATIVE_INFINITY;
  #stumbled: { readonly position: Position; attempts: number } | undefined;

  constructor(deps: LearningDeps, thread: LearningThread) {
    this.#deps = deps;
    this.#thread = thread;
  }

  /** Opens the store; answers where to go on. */
  async open(): Promise<Position> {
    const { checkpoint, rebuilt } = await this.#thread.ask({ call: "open", fresh: this.#fresh }, storeBudgetMs);
    this.#fresh = false;
    if (rebuilt !== undefined) {
      this.#deps.log.warn({ cause: rebuilt }, "the classifier's file is begun anew and learned from the log");
      this.#deps.onRebuilt();
    }
    return checkpoint as Position;
  }

  async failed(error: unknown): Promise<void> {
    if (!(error instanceof LearningFault)) return;
    this.#fresh = error.corrupt;
    await this.#thread.end();
  }

  async take(event: RecordedEvent): Promise<void> {
    const { clock, metrics } = this.#deps;
    metrics.classifierLagSeconds.set(Math.max(0, clock.now() - event.occurredAt) / 1_000);
    if ((event.metadata.minReader ?? 0) > readerGeneration) throw new Error(`event ${event.id} needs newer code`);
    const { tenantId } = event.metadata;
    if (event instanceof UndecodableEvent || event.type !== "MessageMarked" || tenantId === undefined) {
      await this.pass(event.position);
      return;
    }
    const data = event.data as MessageMarked["data"];
    const kind = data.mark === "spam" ? "spam" : "ham";
    const { mailboxId, messageKey } = data;
    const day = Math.floor(event.occurredAt / dayMs);
    const mark: LearnableMark = { tenantId, mailboxId, messageKey, kind, position: event.position, day };
    const bytes = await this.#body(data.body, event.position);
    const outcome = await this.#learn(mark, bytes);
    metrics.classifierMarks.inc({ kind, outcome: outcome === "skipped" ? "missing" : outcome });
    const isWhole = bytes !== undefined && bytes.length === data.body.sizeBytes;
    const isNew = outcome === "trained" || outcome === "changed";
    if (isNew && isWhole && clock.now() - event.occurredAt < taughtWithinMs) this.#deps.rspamd?.teach(bytes, kind);
  }

  /** Notes how far the log was read, now and then: a mark notes it itself. */
  async pass(position: Position): Promise<void> {
    const now = performance.now();
    if (now - this.#passedAt < passEveryMs) return;
    this.#passedAt = now;
    await this.#thread.ask({ call: "pass", position }, storeBudgetMs);
  }

  /** Removes what is old, in steps between which marks are learned. */
  async expire(signal: AbortSignal): Promise<void> {
    const today = Math.floor(this.#deps.clock.now() / dayMs);
    const before = { tokensDay: today - tokenLifeDays, marksDay: today - markLifeDays, limit: expireRowsMax };
    try {
      while (!signal.aborted && (await this.#thread.ask({ call: "expire", ...before }, storeBudgetMs)) > 0);
      for (const tenantId of await this.#thread.ask({ call: "tenants" }, storeBudgetMs)) {
        if (this.#deps.isErased(tenantId)) await this.#thread.ask({ call: "forget", tenantId }, storeBudgetMs);
      }
    } catch (error) {
      this.#deps.log.warn({ err: error }, "old tokens could not be removed, it is tried again in an hour");
    }
  }

  /** Ends the thread in whatever it does. */
  async abandon(): Promise<void> {
    await this.#thread.end();
  }

  async close(): Promise<void> {
    await this.#thread.ask({ call: "close" }, storeBudgetMs).catch(() => undefined);
    await this.#thread.end();
  }

  async #learn(mark: LearnableMark, bytes: Uint8Array | undefined) {
    try {
      return await this.#thread.ask(
        bytes === undefined ? { call: "learn", mark } : { call: "learn", mark, bytes },
        learnBudgetMs,
      );
    } catch (error) {
      if (!(error instanceof LearningOverBudget)) throw error;
      await this.open();
      await this.#thread.ask({ call: "learn", mark }, storeBudgetMs);
      return "overBudget";
    }
  }

  /** The stored message, without its trace header, which other messages share. Undefined when it is gone, or not to be had. */
  async #body(ref: BodyRef, position: Position): Promise<Uint8Array | undefined> {
    try {
      return await this.#deps.bodies.readRange(ref, 0, Math.min(ref.sizeBytes, bodyBytesMax));
    } catch (error) {
      if (this.#stumbled?.position !== position) this.#stumbled = { position, attempts: 0 };
      this.#stumbled.attempts += 1;
      if (!(error instanceof BodyCorrupt) && this.#stumbled.attempts < bodyAttemptsMax) throw error;
      return undefined;
    }
  }
}
