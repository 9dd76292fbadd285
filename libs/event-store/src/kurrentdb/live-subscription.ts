import { setTimeout as sleep } from "node:timers/promises";
import type { Position } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type { RawFilter } from "./event-filter.ts";
import type { KurrentClient, RawMessage, RawSubscription } from "./kurrent-client.ts";
import { failureOf } from "./kurrent-fault.ts";
import type { RawEvent } from "./raw-event.ts";

export type RawDelivery =
  | { readonly type: "event"; readonly event: RawEvent }
  | { readonly type: "checkpoint" | "caughtUp" | "fellBehind"; readonly position: Position };

export interface LiveOptions {
  readonly after: Position;
  readonly filter: RawFilter;
  readonly bufferMax: number;
  readonly signal: AbortSignal;
  /** How long nothing may come before the log's head is compared with what was delivered. */
  readonly idleMs: number;
  /** How long nothing may come, although there is something, before the subscription is opened anew. */
  readonly silenceMs: number;
}

const reopenDelayMs = 50;
const reopenDelayMaxMs = 5_000;
const probeEvents = 1_000;
const lagProbeMs = 25;

/**
 * A subscription that outlives its connections: the client's ends at the first error, this one opens the next from the
 * last position delivered. Order is that of the log, without gap or repeat. Ends when the signal aborts; throws only
 * when access is denied.
 */
export async function* liveSubscription(
  client: KurrentClient,
  options: LiveOptions,
): AsyncGenerator<RawDelivery, void, undefined> {
  const { signal, filter } = options;
  const state: State = { position: options.after, isLive: false, isLagging: false, failures: 0 };
  while (!signal.aborted) {
    const subscription = client.subscribe(state.position, filter.onServer, options.bufferMax);
    try {
      yield* deliver(client, subscription, state, options);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "denied") throw failure;
    } finally {
      subscription.cancel();
    }
    if (signal.aborted) return;
    state.isLagging = false;
    if (state.isLive) {
      state.isLive = false;
      yield { type: "fellBehind", position: state.position };
    }
    const delay = Math.min(reopenDelayMs * 2 ** state.failures, reopenDelayMaxMs);
    state.failures += 1;
    await sleep(delay, undefined, { signal }).catch(() => undefined);
  }
}

interface State {
  position: Position;
  isLive: boolean;
  /** Fell behind here, by a full buffer; the server does not know and will not say when that is over. */
  isLagging: boolean;
  failures: number;
}

/** Passes on one connection's messages until it ends, fails or falls silent. */
async function* deliver(
  client: KurrentClient,
  subscription: RawSubscription,
  state: State,
  options: LiveOptions,
): AsyncGenerator<RawDelivery, void, undefined> {
  const { signal, filter } = options;
  let heardAt = performance.now();
  while (!signal.aborted) {
    if (state.isLive && subscription.backlog >= options.bufferMax) {
      state.isLive = false;
      state.isLagging = true;
      yield { type: "fellBehind", position: state.position };
    }
    const pulled = await subscription.next(state.isLagging ? lagProbeMs : options.idleMs, signal);
    if (signal.aborted || pulled === "end") return;
    if (pulled === "idle") {
      const probe = await probeHead(client, state.position, filter);
      if (probe.checkpoint > state.position) {
        state.position = probe.checkpoint;
        yield { type: "checkpoint", position: state.position };
      }
      if (!probe.isMissingSomething) heardAt = performance.now();
      if (state.isLagging && !probe.isMissingSomething) {
        state.isLagging = false;
        state.isLive = true;
        yield { type: "caughtUp", position: state.position };
      }
      if (probe.isMissingSomething && performance.now() - heardAt > options.silenceMs) return;
      continue;
    }
    heardAt = performance.now();
    state.failures = 0;
    const delivery = deliveryOf(pulled.item, state, filter);
    if (delivery) yield delivery;
  }
}

function deliveryOf(message: RawMessage, state: State, filter: RawFilter): RawDelivery | undefined {
  if ("event" in message) {
    const { event } = message;
    // After a reconnect a server may repeat; positions only grow.
    if (event.position <= state.position) return undefined;
    state.position = event.position;
    return filter.admits(event) ? { type: "event", event } : undefined;
  }
  if ("checkpoint" in message) {
    if (message.checkpoint <= state.position) return undefined;
    state.position = message.checkpoint;
    return { type: "checkpoint", position: state.position };
  }
  const isLive = "caughtUp" in message;
  if (state.isLagging) return undefined;
  if (isLive === state.isLive) return undefined;
  state.isLive = isLive;
  return { type: isLive ? "caughtUp" : "fellBehind", position: state.position };
}

/**
 * While nothing comes, the log may still grow by events that the filter leaves out, and the server tells of those only
 * every thousand. What lies after the last position is read, and everything before the first event that is due may be
 * called seen. Without it a reader that waits for a position would wait for other people's mail.
 */
async function probeHead(
  client: KurrentClient,
  after: Position,
  filter: RawFilter,
): Promise<{ readonly checkpoint: Position; readonly isMissingSomething: boolean }> {
  const from = after === startOfLog ? undefined : after;
  const page = await client.allPage(from, { direction: "forwards", count: probeEvents });
  let checkpoint = after;
  for (const event of page) {
    if (event.position <= after) continue;
    if (filter.admits(event)) return { checkpoint, isMissingSomething: true };
    checkpoint = event.position;
  }
  return { checkpoint, isMissingSomething: false };
}
