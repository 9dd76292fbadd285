import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type EventStore, openMemoryEventStore, type SubscribeOptions } from "@mailfold/event-store";
import { createEventCodec, type HeldMessageSettled, type MessageDelivered } from "@mailfold/events";
import type { Commit, Journal } from "@mailfold/journal";
import { type RecordedEvent, startOfLog } from "@mailfold/kernel";
import { contentServices } from "./content/content-test-world.ts";
import { type ContentServices, type HeldJudge, type HeldJudgeDeps, startHeldJudge, startSmtp } from "./index.ts";
import { type FakeDeps, fakeDeps, ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";

const noSealing = {
  seal: (_scope: string, plaintext: string) => ({ keyId: "k", nonce: "", ciphertext: plaintext }),
  open: () => undefined,
  blindIndex: (_purpose: string, value: string) => value,
};

describe("deferred copies", () => {
  let store: EventStore;
  let deps: FakeDeps & HeldJudgeDeps;
  let content: ContentServices;
  let now = Date.now();
  const letGo: [stream: string, refs: number][] = [];
  const clock = { now: () => now };
  before(async () => {
    store = await openMemoryEventStore({ codec: createEventCodec(noSealing), clock });
    const journal = {
      commit: (commit: Commit) => store.append(commit.appends),
      events: store,
      bodies: {
        read: async () => Buffer.from("From: x@ext.test\r\n\r\nx\r\n"),
        setHeld: async (stream: string, refs: readonly unknown[]) => void letGo.push([stream, refs.length]),
      },
    } as unknown as Journal;
    content = contentServices();
    deps = { ...(await fakeDeps({ journal, clock })), content };
  });
  after(() => Promise.all([store.close(), content.close()]));

  const eventsOf = async (type: string): Promise<RecordedEvent[]> => {
    const events: RecordedEvent[] = [];
    for await (const event of store.readAll({ filter: { types: [type] } })) events.push(event);
    return events;
  };
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    for (let n = 0; n < 300; n += 1) {
      if (await condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.fail("did not happen");
  };
  const startJudge = (): HeldJudge => startHeldJudge(deps, { sweepIntervalMs: 10 });
  const defer = (address: string) => {
    deps.fakePolicy.rule = (phase, facts) =>
      phase === "data" && facts.recipient?.address === address
        ? { action: "defer", code: 450, enhancedCode: "4.7.1", text: "Later", reason: "later" }
        : undefined;
  };
  const deliver = async (): Promise<void> => {
    const smtp = await startSmtp(deps, {
      host: "127.0.0.1",
      hostname: "mx.test",
      ports: { mx: 0, submission: undefined, submissions: undefined },
      trustedProxies: [],
    });
    const client = await SmtpClient.greeted(smtp.ports.mx ?? 0);
    assert.match(
      (await client.deliver(["alice@a.test", "bob@a.test"], "From: x@ext.test\r\n\r\nx\r\n.\r\n")).at(-1)!,
      /^250/,
    );
    client.close();
    await smtp.close();
  };

  test("are deferred again, survive a restart of the judge, and are delivered once policy lets them", async () => {
    defer("bob@a.test");
    await deliver();
    let judge = startJudge();
    await until(() => judge.waiting() === 1);
    assert.equal((await eventsOf("MessageDelivered")).length, 1);
    now += 6 * 60_000;
    await until(async () => (await eventsOf("HeldMessageSettled")).length === 1);
    await judge.close();
    const [first] = await eventsOf("HeldMessageSettled");
    assert.equal((first!.data as HeldMessageSettled["data"]).outcome, "deferred");
    judge = startJudge();
    deps.fakePolicy.rule = () => undefined;
    now += 4 * 60_000;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await eventsOf("HeldMessageSettled")).length, 1, "not before its time");
    now += 3 * 60_000;
    await until(() => judge.waiting() === 0);
    const delivered = (await eventsOf("MessageDelivered")).map((event) => event.stream);
    assert.deepEqual(delivered, [`mail-${ids.alice}`, `mail-${ids.bob}`]);
    const [held] = await eventsOf("MessageHeld");
    const copy = (await eventsOf("MessageDelivered"))[1]!.data as MessageDelivered["data"];
    assert.equal(copy.deliveryId, (held!.data as { holdId: string }).holdId);
    assert.deepEqual(letGo, [[held!.stream, 0]], "the body is the mailbox's now");
    assert.match(copy.prefix, /^Return-Path: <x@ext\.test>\r\nDelivered-To: bob@a\.test\r\n/);
    await judge.close();
  });

  test("are settled once, though the subscription lags and breaks", async () => {
    const startedAt: (string | undefined)[] = [];
    const laggard = {
      ...deps.journal,
      events: {
        readStream: store.readStream.bind(store),
        async *subscribe(options: SubscribeOptions) {
          startedAt.push(options.after);
          for await (const message of store.subscribe(options)) {
            const isSettled = message.type === "event" && message.event.type === "HeldMessageSettled";
            if (isSettled && message.event.occurredAt > lagFrom) throw new Error("broken");
            yield message;
          }
        },
      },
    } as unknown as Journal;
    defer("bob@a.test");
    await deliver();
    const lagFrom = now;
    const judge = startHeldJudge({ ...deps, journal: laggard }, { sweepIntervalMs: 10, resubscribeMs: 10 });
    await until(() => judge.waiting() === 1);
    const quarantined = async () =>
      (await eventsOf("MessageHeld")).filter((event) => (event.data as { kind: string }).kind === "quarantined").length;
    const before = await quarantined();
    deps.fakePolicy.rule = () => ({ action: "reject", code: 550, reason: "spam" });
    now += 6 * 60_000;
    await until(async () => (await quarantined()) === before + 1);
    now += 6 * 60_000;
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(await quarantined(), before + 1);
    assert.ok(startedAt.length > 1 && startedAt.slice(1).every((after) => after !== startOfLog), "it goes on");
    await judge.close();
  });

  test("are left alone once somebody released or deleted them, at the last moment too", async () => {
    for (const type of ["HeldMessageReleased", "HeldMessageDeleted"] as const) {
      for (const isSeen of [true, false]) {
        defer("bob@a.test");
        await deliver();
        const held = (await eventsOf("MessageHeld")).at(-1)!;
        const { holdId } = held.data as { holdId: string };
        const data = type === "HeldMessageReleased" ? { holdId, mailboxId: ids.bob } : { holdId };
        const end = { id: crypto.randomUUID(), type, data, metadata: held.metadata, occurredAt: now };
        const before = (await eventsOf("MessageDelivered")).length;
        const settledBefore = (await eventsOf("HeldMessageSettled")).length;
        const judge = startJudge();
        await until(() => judge.waiting() === 1);
        deps.fakePolicy.rule = () => undefined;
        if (isSeen) await store.append({ stream: held.stream, expected: held.revision, events: [end] });
        else {
          // Between the judge's reading and its commit.
          const { commit } = deps.journal;
          let raced = false;
          (deps.journal as { commit: Journal["commit"] }).commit = async (change) => {
            if (!raced) await store.append({ stream: held.stream, expected: held.revision, events: [end] });
            raced = true;
            return commit(change);
          };
          now += 6 * 60_000;
          await until(() => raced);
          (deps.journal as { commit: Journal["commit"] }).commit = commit;
        }
        await until(() => judge.waiting() === 0);
        now += 6 * 60_000;
        await new Promise((resolve) => setTimeout(resolve, 40));
        await judge.close();
        assert.equal((await eventsOf("MessageDelivered")).length, before, `${type}, seen: ${isSeen}`);
        assert.equal((await eventsOf("HeldMessageSettled")).length, settledBefore);
      }
    }
  });

  test("stay in quarantine for the recipient's quarantineDays", async () => {
    defer("bob@a.test");
    await deliver();
    const policy = deps.policy.current();
    const asked: unknown[] = [];
    const value = (path: unknown, name: string) => {
      asked.push([path, name]);
      return 7;
    };
    const judge = startHeldJudge(
      { ...deps, policy: { current: () => ({ ...policy, value }), ready: () => true } },
      { sweepIntervalMs: 10 },
    );
    await until(() => judge.waiting() === 1);
    deps.fakePolicy.rule = () => ({ action: "reject", code: 550, reason: "spam" });
    now += 6 * 60_000;
    await until(() => judge.waiting() === 0);
    await judge.close();
    const held = (await eventsOf("MessageHeld")).at(-1)!;
    assert.equal((held.data as { expiresAt: number }).expiresAt, held.occurredAt + 7 * 86_400_000);
    assert.equal((held.data as { reason: string }).reason, "spam");
    const { tenantId, resellerId } = held.metadata;
    const domainId = `dom_${ids.tenantA.slice(4)}`;
    assert.deepEqual(asked, [[{ resellerId, tenantId, domainId, mailboxId: ids.bob }, "quarantineDays"]]);
  });

  test("end in quarantine when refused or expired", async () => {
    for (const outcome of ["rejected", "expired"] as const) {
      defer("bob@a.test");
      await deliver();
      const judge = startJudge();
      await until(() => judge.waiting() === 1);
      if (outcome === "rejected") deps.fakePolicy.rule = () => ({ action: "reject", code: 550, reason: "spam" });
      now += outcome === "expired" ? 3 * 86_400_000 : 6 * 60_000;
      await until(() => judge.waiting() === 0);
      await judge.close();
      const settled = (await eventsOf("HeldMessageSettled")).at(-1)!.data as HeldMessageSettled["data"];
      assert.equal(settled.outcome, outcome);
      const held = (await eventsOf("MessageHeld")).at(-1)!.data as { kind: string; recipient: string };
      assert.deepEqual([held.kind, held.recipient], ["quarantined", "bob@a.test"]);
    }
  });
});
