import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EventStore, SubscribeOptions, SubscriptionMessage } from "@mailfold/event-store";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import { platformCaller } from "../test-support/api-test-world.ts";
import { createFeedSubscription, type FeedSink } from "./feed-subscription.ts";

const at = (index: number) => String(index).padStart(16, "0") as Position;

/** A log without end that counts who reads it and how far. */
function endlessLog() {
  const seen = { readers: 0, pulled: 0 };
  const subscribe = async function* (options: SubscribeOptions): AsyncGenerator<SubscriptionMessage> {
    seen.readers += 1;
    try {
      for (let index = Number(options.after) + 1; !options.signal?.aborted; index += 1) {
        seen.pulled = Math.max(seen.pulled, index);
        const event = {
          position: at(index),
          stream: "tenant-x",
          type: "TenantCreated",
          occurredAt: 1,
          metadata: { actor: {} },
        };
        yield { type: "event", event: event as unknown as RecordedEvent };
      }
    } finally {
      seen.readers -= 1;
    }
  };
  return { seen, store: { subscribe } as unknown as EventStore };
}

describe("a subscription without credit", () => {
  test("pulls nothing more, lets its reader go, keeps the cursor, and goes on exactly there", async () => {
    const { seen, store } = endlessLog();
    const sent: Position[] = [];
    let stalls = 0;
    const sink: FeedSink = {
      ready: async () => true,
      event: (position) => void sent.push(position),
      bookmark: () => {},
      caughtUp: () => {},
      fellBehind: () => {},
      stalled: () => {
        stalls += 1;
      },
    };
    const subscription = createFeedSubscription({
      store,
      caller: () => platformCaller,
      where: {},
      after: at(0),
      notBefore: 0,
      window: 3,
      now: Date.now,
      sink,
    });
    const running = subscription.run();
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    assert.deepEqual(sent, [at(1), at(2), at(3)]);
    assert.deepEqual([seen.readers, seen.pulled, stalls], [0, 3, 1]);
    assert.equal(subscription.cursor(), at(3));
    subscription.acknowledge(at(2));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(sent, [at(1), at(2), at(3), at(4), at(5)]);
    subscription.stop();
    await running;
    assert.equal(seen.readers, 0);
  });
});
