import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Scope, SettingValue } from "@mailfold/domain";
import { type EventStore, openMemoryEventStore } from "@mailfold/event-store";
import {
  type BodyRef,
  createEventCodec,
  type HeldMessageSettled,
  type MessageDelivered,
  type MessageHeld,
  type MessageQueued,
  type VerdictRecorded,
} from "@mailfold/events";
import type { Commit, Journal } from "@mailfold/journal";
import type { Facts } from "@mailfold/policy";
import { type HeldJudge, startHeldJudge } from "./index.ts";
import { ids } from "./testing/fake-deps.ts";
import { policyHouse } from "./testing/policy-house.ts";

const text =
  "From: x@ext.test\r\nTo: alice@a.test\r\nSubject: hi\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nbody\r\n";
const noSealing = {
  seal: (_scope: string, plaintext: string) => ({ keyId: "k", nonce: "", ciphertext: plaintext }),
  open: () => undefined,
  blindIndex: (_purpose: string, value: string) => value,
};

describe("a copy deferred because a scanner was down", () => {
  let store: EventStore;
  let now = Date.now();
  const clock = { now: () => now };
  const bodies = new Map<string, Uint8Array>();
  const keyOf = ({ tenantId, sha256 }: BodyRef) => `${tenantId} ${sha256}`;
  const transactions: (string | undefined)[] = [];
  const journal = {
    commit(commit: Commit) {
      transactions.push(commit.transactionId);
      for (const { ref, bytes } of commit.bodies ?? []) bodies.set(keyOf(ref), bytes);
      return store.append(commit.appends);
    },
    get events() {
      return store;
    },
    bodies: { read: async (ref: BodyRef) => bodies.get(keyOf(ref)), setHeld: async () => {} },
  } as unknown as Journal;
  before(async () => {
    store = await openMemoryEventStore({ codec: createEventCodec(noSealing), clock });
  });
  after(() => store.close());
  const house = policyHouse({ journal, clock });
  const tenantA: Scope = { kind: "tenant", id: ids.tenantA };
  const alice: Scope = { kind: "mailbox", id: ids.alice };
  const rule = (scope: Scope, ...actions: SettingValue[]) =>
    house.set(scope, "rules", [{ name: "on", all: [], actions }]);

  let judge: HeldJudge | undefined;
  let from = 0;
  const eventsOf = async <T>(type: string): Promise<readonly { readonly stream: string; readonly data: T }[]> => {
    const events: { readonly stream: string; readonly data: T }[] = [];
    for await (const event of store.readAll({ filter: { types: [type] } })) {
      if (event.occurredAt >= from) events.push({ stream: event.stream, data: event.data as T });
    }
    return events;
  };
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    for (let n = 0; n < 500; n += 1) {
      if (await condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.fail("did not happen");
  };
  /** Mail for tenant A and for carol of tenant B, which takes it whatever its scanner says. */
  const arrive = async (...recipients: readonly string[]): Promise<void> => {
    house.set(tenantA, "scannerFailure", "defer");
    house.clamav = { scan: async () => ({ status: "down", cause: "no answer" }) };
    const client = await house.from("192.0.2.10");
    const replies = await client.deliver([...recipients, "carol@b.test"], `${text}.\r\n`);
    assert.match(replies.at(-1) ?? "", /^250 2\.0\.0 /);
    client.close();
    judge = startHeldJudge(house.deps, { sweepIntervalMs: 10 });
    await until(() => judge?.waiting() === recipients.length);
    now += 6 * 60_000;
    from = now;
  };
  const settled = async (count: number) => {
    await until(async () => (await eventsOf("HeldMessageSettled")).length === count);
    return (await eventsOf<HeldMessageSettled["data"]>("HeldMessageSettled")).map(({ data }) => data.outcome);
  };
  const bytesOf = (ref: BodyRef) => Buffer.from(bodies.get(keyOf(ref)) ?? []).toString();
  const comeBack = () => {
    house.clamav = { scan: async () => ({ status: "clean" }) };
  };
  beforeEach(() => {
    now += 86_400_000;
    from = now;
  });
  afterEach(() => judge?.close());

  test("is scanned again: deferred while the scanner is down, then delivered with what it said", async () => {
    await arrive("alice@a.test");
    assert.deepEqual(await settled(1), ["deferred"]);
    comeBack();
    now += 11 * 60_000;
    assert.deepEqual(await settled(2), ["deferred", "delivered"]);
    const scans = (await eventsOf<VerdictRecorded["data"]>("VerdictRecorded")).map(
      ({ data }) => (data.facts as unknown as Facts).content?.scan?.clamav?.status,
    );
    assert.deepEqual(scans, ["down", "clean"]);
    assert.equal(
      new Set(transactions).size,
      transactions.length,
      "a cluster takes a commit of known id for a repetition",
    );
  });

  test("is held for good when the scanner finds something", async () => {
    await arrive("alice@a.test");
    house.set(tenantA, "virusAction", "discard");
    house.clamav = { scan: async () => ({ status: "infected", signature: "Test" }) };
    assert.deepEqual(await settled(1), ["rejected"]);
    const [held] = await eventsOf<MessageHeld["data"]>("MessageHeld");
    assert.deepEqual([held?.data.kind, held?.data.reason], ["discarded", "virus-discarded"]);
    assert.deepEqual(await eventsOf("MessageDelivered"), []);
  });

  test("is delivered as its rules want: filed, tagged, flagged, with one set of fields, and sent on", async () => {
    rule(
      alice,
      { do: "file", folder: "Lists" },
      { do: "tag", text: "[list]" },
      { do: "flag", flag: "\\Flagged" },
      { do: "header", name: "X-List", value: "yes" },
      { do: "copy", folder: "Archive" },
      { do: "forward", to: ["friend@far.test"] },
    );
    await arrive("alice@a.test");
    comeBack();
    assert.deepEqual(await settled(1), ["delivered"]);
    const [copy, archived, ...more] = (await eventsOf<MessageDelivered["data"]>("MessageDelivered")).map(
      ({ data }) => data,
    );
    assert.ok(copy !== undefined && archived !== undefined && more.length === 0);
    assert.deepEqual(
      [copy, archived].map(({ folder }) => typeof folder === "object" && "name" in folder && folder.name),
      ["Lists", "Archive"],
    );
    assert.deepEqual(copy.flags, ["\\Flagged"]);
    assert.match(bytesOf(copy.body), /\r\nSubject: \[list\] hi\r\n/);
    const names = copy.prefix.match(/^[\w-]+(?=:)/gm);
    const wanted = ["Return-Path", "Delivered-To", "Authentication-Results", "X-Mailfold-Spam", "X-List", "Received"];
    assert.deepEqual(names, wanted, copy.prefix);
    const [forward] = await eventsOf<MessageQueued["data"]>("MessageQueued");
    assert.match(forward?.data.sender ?? "", /^SRS0=.*@a\.test$/);
    assert.deepEqual(forward?.data.recipients, ["friend@far.test"]);
  });

  test("is redirected, sealed, and no copy is kept; a mailbox of ours gets its own", async () => {
    rule(alice, { do: "redirect", to: ["friend@far.test", "bob@a.test"] });
    await arrive("alice@a.test");
    comeBack();
    assert.deepEqual(await settled(1), ["delivered"]);
    const delivered = await eventsOf<MessageDelivered["data"]>("MessageDelivered");
    assert.deepEqual(
      delivered.map(({ stream }) => stream),
      [`mail-${ids.bob}`],
    );
    const [forward] = await eventsOf<MessageQueued["data"]>("MessageQueued");
    assert.match(
      forward?.data.prefix ?? "",
      /^ARC-Seal: [\s\S]*\r\nDelivered-To: alice@a\.test\r\nReceived: from client/,
    );
    assert.equal(forward && bytesOf(forward.data.body), text);
  });

  test("of an alias is sent on once for all its mailboxes", async () => {
    rule(tenantA, { do: "redirect", to: ["friend@far.test"] });
    house.set(tenantA, "scannerFailure", "defer");
    house.clamav = { scan: async () => ({ status: "down", cause: "no answer" }) };
    const client = await house.from("192.0.2.10");
    await client.deliver(["all@a.test", "carol@b.test"], `${text}.\r\n`);
    client.close();
    judge = startHeldJudge(house.deps, { sweepIntervalMs: 10 });
    await until(() => judge?.waiting() === 2);
    now += 6 * 60_000;
    from = now;
    comeBack();
    assert.deepEqual(await settled(2), ["delivered", "delivered"]);
    const [forward, ...more] = await eventsOf<MessageQueued["data"]>("MessageQueued");
    assert.deepEqual([more, await eventsOf("MessageDelivered")], [[], []]);
    const kept = forward?.data.ifFailed ?? [];
    assert.deepEqual(kept.map(({ mailboxId }) => mailboxId).sort(), [ids.alice, ids.bob].sort(), "should it fail");
    const held = (await eventsOf<HeldMessageSettled["data"]>("HeldMessageSettled")).map(({ data }) => data.holdId);
    assert.deepEqual(kept.map(({ deliveryId }) => deliveryId).sort(), held.sort());
  });

  test("is left as it is when the platform stops while a scanner thinks", async () => {
    await arrive("alice@a.test");
    await settled(1);
    let asked = false;
    house.clamav = {
      scan() {
        asked = true;
        return new Promise((resolve) => setTimeout(() => resolve({ status: "clean" }), 3_000).unref());
      },
    };
    now += 11 * 60_000;
    await until(() => asked);
    const startedAt = performance.now();
    await judge?.close();
    assert.ok(performance.now() - startedAt < 1_000);
    assert.deepEqual(await settled(1), ["deferred"]);
  });
});
