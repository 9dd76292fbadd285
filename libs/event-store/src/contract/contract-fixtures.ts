import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { EventCodec } from "@mailfold/events";
import type { NewEvent, RecordedEvent } from "@mailfold/kernel";
import type { AppendOk, EventStore, SubscribeOptions, SubscriptionMessage } from "../port.ts";

/** A store under test. */
export interface StoreHarness {
  readonly store: EventStore;
  /** Closes the store and opens the same log again. */
  readonly reopen?: () => Promise<EventStore>;
  /** Makes the adapter lose the answer of the next append after it was written (the adapter retries or throws). */
  readonly loseNextAnswer?: () => void;
  readonly close: () => Promise<void>;
}

/** What an adapter does not do, or does only so far. All true by default. */
export interface StoreAbilities {
  /** Retries with `any` are recognised too. */
  readonly replaysAny?: boolean;
  /** Traffic of past days can be dropped. */
  readonly expires?: boolean;
  readonly deletesStreams?: boolean;
  /** `distance` counts events; otherwise it only grows with them. */
  readonly distanceCounts?: boolean;
}

/** JSON as it is, version 1 of every type: a codec for tests of stores. */
export const contractCodec: EventCodec = {
  encode: (_stream, event) => ({
    id: event.id,
    wireType: `${event.type}.v1`,
    occurredAt: event.occurredAt,
    data: JSON.stringify(event.data),
    metadata: JSON.stringify(event.metadata),
  }),
  decode: ({ wireType, data, metadata, ...place }) => ({
    id: place.id,
    type: wireType.slice(0, wireType.lastIndexOf(".v")),
    stream: place.stream,
    revision: place.revision,
    position: place.position,
    occurredAt: place.occurredAt,
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
  }),
  wireTypes: (types) => types.map((type) => `${type}.v1`),
  nameOf: (wireType) => wireType.slice(0, wireType.lastIndexOf(".v")),
};

export const dayMs = 86_400_000;
export const today = Date.UTC(2026, 10, 24, 12);

/** An event for tests of stores. */
export function contractEvent(type: string, data: unknown = {}, occurredAt = today): NewEvent {
  const metadata = { actor: { type: "system", id: "contract" } } as const;
  return { id: randomUUID(), type, data, metadata, occurredAt };
}

/** Events that are numbered in their data. */
export function several(count: number, type = "ThingHappened", start = 0): NewEvent[] {
  return Array.from({ length: count }, (_, index) => contractEvent(type, { n: start + index }));
}

/** All events of a source. */
export async function collect(source: AsyncIterable<RecordedEvent>): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of source) events.push(event);
  return events;
}

/** The number in an event's data. */
export const numberOf = (event: RecordedEvent): number => (event.data as { n: number }).n;
export const numbersOf = (events: readonly RecordedEvent[]): number[] => events.map(numberOf);
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Takes messages until one satisfies; fails when none does in time. */
export async function takeUntil(
  store: Pick<EventStore, "subscribe">,
  options: Omit<SubscribeOptions, "signal">,
  enough: (messages: readonly SubscriptionMessage[]) => boolean,
): Promise<SubscriptionMessage[]> {
  const messages: SubscriptionMessage[] = [];
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), 10_000);
  try {
    for await (const message of store.subscribe({ ...options, signal: deadline.signal })) {
      messages.push(message);
      if (enough(messages)) return messages;
    }
  } finally {
    clearTimeout(timer);
  }
  assert.fail(`the subscription ended or stalled after ${messages.length} messages`);
}

/** The events among messages. */
export const eventsIn = (messages: readonly SubscriptionMessage[]): RecordedEvent[] =>
  messages.flatMap((message) => (message.type === "event" ? [message.event] : []));

/** What each part of the contract is given. */
export interface ContractTools {
  readonly makeStore: () => Promise<StoreHarness>;
  readonly can: Required<StoreAbilities>;
  /** Runs work on a new store and closes it. */
  withStore(work: (store: EventStore, harness: StoreHarness) => Promise<void>): Promise<void>;
}

/** Appends, and fails unless that succeeds. */
export async function appendOk(store: EventStore, ...appends: Parameters<EventStore["append"]>): Promise<AppendOk> {
  const result = await store.append(...appends);
  assert.equal(result.ok, true, JSON.stringify(result));
  return result.ok ? result : assert.fail();
}
