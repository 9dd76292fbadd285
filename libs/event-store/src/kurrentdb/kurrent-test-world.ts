import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterEach } from "node:test";
import type { NewEvent } from "@mailfold/kernel";
import { type KurrentDouble, startKurrentDouble } from "../../../../test/doubles/kurrentdb/kurrent-double.ts";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { readWholeStream, type SubscriptionMessage } from "../port.ts";
import { type KurrentEventStore, type KurrentOptions, openKurrentEventStore } from "./kurrent-event-store.ts";

export const clock = { now: () => Date.UTC(2026, 10, 24) };

export function event(type = "TenantCreated", more: Partial<NewEvent> = {}): NewEvent {
  const actor = { type: "system", id: "test" } as const;
  return { id: randomUUID(), type, data: { n: 1 }, metadata: { actor }, occurredAt: clock.now(), ...more };
}

export async function ids(log: KurrentEventStore, stream: string): Promise<string[]> {
  return (await readWholeStream(log, stream)).map((found) => found.id);
}

export async function until(condition: () => boolean, waitMs = 5_000): Promise<void> {
  for (const end = performance.now() + waitMs; !condition(); ) {
    if (performance.now() > end) assert.fail("did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Servers, stores and followers for the tests of one `describe`; each test's are closed after it. */
export function kurrentWorld() {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const thing of open.splice(0).reverse()) await thing.close();
  });

  async function double(options: Parameters<typeof startKurrentDouble>[0] = {}): Promise<KurrentDouble> {
    const server = await startKurrentDouble(options);
    open.push(server);
    return server;
  }

  async function store(server: KurrentDouble, options: Partial<KurrentOptions> = {}): Promise<KurrentEventStore> {
    const connectionString = `kurrentdb://127.0.0.1:${server.port}?tls=false`;
    const opened = await openKurrentEventStore({
      connectionString,
      codec: plainCodec,
      clock,
      appendTimeoutMs: 150,
      appendBudgetMs: 8_000,
      idleMs: 40,
      ...options,
    });
    open.push(opened);
    return opened;
  }

  /** Follows in the background; `seen` grows. */
  function follow(log: KurrentEventStore, options: Parameters<KurrentEventStore["subscribe"]>[0] = {}) {
    const abort = new AbortController();
    const seen: SubscriptionMessage[] = [];
    const done = (async () => {
      for await (const message of log.subscribe({ ...options, signal: abort.signal })) seen.push(message);
    })();
    const close = async () => {
      abort.abort();
      await done;
    };
    open.push({ close });
    const events = () => seen.flatMap((message) => (message.type === "event" ? [message.event.id] : []));
    return { seen, events, abort, done };
  }

  return { double, store, follow };
}
