import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStoreFault, type SubscriptionMessage } from "@mailfold/event-store";
import { UndecodableEvent } from "@mailfold/events";
import { type Position, type RecordedEvent, startOfLog } from "@mailfold/kernel";
import { emptyPolicy } from "@mailfold/policy";
import { startPolicyFeed } from "./policy-feed.ts";

const position = (n: number) => String(n).padStart(16, "0") as Position;

function settingsEvent(n: number, more: Partial<RecordedEvent["metadata"]> = {}, data?: unknown): SubscriptionMessage {
  const event: RecordedEvent = {
    id: `evt-${n}`,
    type: "PolicySettingsChanged",
    stream: "policy-platform",
    revision: n,
    position: position(n),
    occurredAt: n,
    data: data ?? { scope: { kind: "platform" }, set: { sizeLimitBytes: n * 1_000_000 }, unset: [] },
    metadata: { actor: { type: "platform", id: "tok" }, ...more },
  };
  return { type: "event", event };
}

/** A log of these messages; a subscription ends in what `end` throws, or waits until it is aborted. */
function feedOf(messages: () => readonly SubscriptionMessage[], end?: () => Error | undefined) {
  const faults: string[] = [];
  const subscribe = async function* ({ after = "", signal }: { after?: Position | ""; signal?: AbortSignal }) {
    for (const message of messages()) {
      const at = message.type === "event" ? message.event.position : message.position;
      if (at > after || message.type === "caughtUp") yield message;
    }
    const error = end?.();
    if (error !== undefined) throw error;
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
  };
  const feed = startPolicyFeed({ subscribe } as never, { policy: emptyPolicy(), position: startOfLog }, (text) =>
    faults.push(text),
  );
  return { feed, faults };
}

async function until(look: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!look()) {
    assert.ok(Date.now() < deadline, "waited 5 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const caughtUp = (n: number): SubscriptionMessage => ({ type: "caughtUp", position: position(n) });

test("an event that cannot be applied makes the policy unready until it can be", async () => {
  let messages = [settingsEvent(1), settingsEvent(2, {}, { scope: null }), caughtUp(2)];
  const { feed } = feedOf(() => messages);
  await until(() => feed.stuck() !== undefined);
  assert.equal(feed.ready(), false);
  assert.match(feed.stuck() ?? "", /^PolicySettingsChanged evt-2: /);
  assert.equal(await feed.waitFor(position(1), 0), true, "what came before is in force");
  assert.equal(await feed.waitFor(position(2), 0), false);
  // As newer code would, after a restart.
  messages = [settingsEvent(1), settingsEvent(2), caughtUp(2)];
  await until(() => feed.ready());
  assert.equal(feed.stuck(), undefined);
  await feed.close();
});

test("an event that cannot be decoded makes the policy unready, and says which", async () => {
  const { event } = settingsEvent(2) as { readonly event: RecordedEvent };
  const stored = { ...event, wireType: "PolicySettingsChanged.v1", data: '{"scope":', metadata: "{}" };
  const torn = new UndecodableEvent(stored, event, new SyntaxError("not shown"));
  const { feed } = feedOf(() => [settingsEvent(1), { type: "event", event: torn }, caughtUp(2)]);
  await until(() => feed.stuck() !== undefined);
  assert.match(
    feed.stuck() ?? "",
    /PolicySettingsChanged\.v1 evt-2 at revision 2 .* cannot be decoded: it is not JSON$/,
  );
  assert.equal(feed.ready(), false);
  assert.equal(await feed.waitFor(position(1), 0), true, "what came before is in force");
  await feed.close();
});

test("an event for newer code stops the policy", async () => {
  const { feed } = feedOf(() => [settingsEvent(1, { minReader: 99 }), caughtUp(1)]);
  await until(() => feed.stuck() !== undefined);
  assert.match(feed.stuck() ?? "", /reader generation 99/);
  assert.equal(feed.ready(), false);
  await feed.close();
});

test("a log that does not answer for a while leaves the policy ready", async () => {
  let failing = true;
  const { feed, faults } = feedOf(
    () => [settingsEvent(1), caughtUp(1)],
    () => (failing ? new EventStoreFault("unavailable", "away") : undefined),
  );
  await until(() => faults.length > 0);
  assert.equal(feed.ready(), true);
  failing = false;
  await feed.close();
});
