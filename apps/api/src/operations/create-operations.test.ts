import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EventStore } from "@mailfold/event-store";
import type { Caller } from "../caller.ts";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, operationsWorld } from "../test-support/operations-test-world.ts";
import { createOperations } from "./create-operations.ts";
import { OperationForbidden } from "./operation-outcome.ts";

describe("addresses", () => {
  const house = operationsWorld();
  const { tenantWithDomain } = house;

  test("one address has one holder; deleting frees it; restoring may find it taken", async () => {
    const { tenantId } = await tenantWithDomain();
    const input = { tenantId, address: "a@demo.example", password: "correct horse" };
    const all = await Promise.all(
      Array.from({ length: 8 }, () => house.operations.mailboxCreate(platformCaller, input)),
    );
    assert.equal(all.filter((outcome) => outcome.errors.length === 0).length, 1);
    const first = all.find((outcome) => outcome.value !== undefined)?.value?.mailboxId ?? "";
    assert.deepEqual(
      codes(await house.operations.aliasAdd(platformCaller, { tenantId, address: "A@Demo.example", targets: [first] })),
      ["ADDRESS_TAKEN"],
    );
    await house.operations.mailboxDelete(platformCaller, { mailboxId: first });
    const second = await house.operations.mailboxCreate(platformCaller, input);
    assert.deepEqual(codes(second), []);
    assert.deepEqual(codes(await house.operations.mailboxRestore(platformCaller, { mailboxId: first })), [
      "ADDRESS_TAKEN",
    ]);
    await house.operations.mailboxDelete(platformCaller, { mailboxId: second.value?.mailboxId ?? "" });
    const restored = await house.operations.mailboxRestore(platformCaller, { mailboxId: first });
    assert.deepEqual(codes(restored), []);
    assert.equal(restored.value?.status, "active");
  });

  test("a claim that a crash left without mailbox is completed by the retry, and lapses for others after 60 s", async () => {
    const { tenantId } = await tenantWithDomain();
    const { store } = house.world;
    const stepwise = (failAt: number): EventStore => {
      let step = 0;
      return Object.assign(Object.create(store) as EventStore, {
        appendsAtomically: false,
        append: async (appends: Parameters<EventStore["append"]>[0]) => {
          step += 1;
          if (step > failAt) throw new Error("power cut");
          return store.append(appends);
        },
      });
    };
    const crashing = (failAt: number) =>
      createOperations({
        ...house.world.deps,
        journal: { ...house.world.deps.journal, events: bound(stepwise(failAt), store) },
      });
    for (const failAt of [1, 2]) {
      const input = {
        tenantId,
        address: `c${failAt}@demo.example`,
        password: "correct horse",
        commandId: `m${failAt}`,
      };
      await assert.rejects(crashing(failAt).mailboxCreate(platformCaller, input), /power cut/);
      const stranger = { ...input, commandId: `other${failAt}` };
      assert.deepEqual(codes(await house.operations.mailboxCreate(platformCaller, stranger)), ["ADDRESS_TAKEN"]);
      const retried = await house.operations.mailboxCreate(platformCaller, input);
      assert.deepEqual(codes(retried), []);
      const folders: string[] = [];
      for await (const event of store.readStream(`mail-${retried.value?.mailboxId}`)) {
        if (event.type === "FolderCreated") folders.push((event.data as { name: string }).name);
      }
      assert.deepEqual(folders, ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"]);
    }
    const input = { tenantId, address: "late@demo.example", password: "correct horse", commandId: "late" };
    await assert.rejects(crashing(1).mailboxCreate(platformCaller, input), /power cut/);
    house.world.advance(61_000);
    assert.deepEqual(codes(await house.operations.mailboxCreate(platformCaller, { ...input, commandId: "other" })), []);
    assert.deepEqual(codes(await house.operations.mailboxCreate(platformCaller, input)), ["ADDRESS_TAKEN"]);
  });
});

/** The store's methods use private fields: bind them to the real one. */
function bound(double: EventStore, real: EventStore): EventStore {
  return new Proxy(double, {
    get(target, name) {
      if (Object.hasOwn(target, name)) return Reflect.get(target, name);
      const value = Reflect.get(real, name, real);
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
}

describe("domains", () => {
  const house = operationsWorld();
  const { tenantWithDomain } = house;

  test("a name has one owner; an unverified claim yields to proof, and its loser is told without who", async () => {
    const { tenantId, resellerId } = await tenantWithDomain(platformCaller, "shop.example");
    const rival =
      (await house.operations.tenantCreate(platformCaller, { resellerId, name: "Rival" })).value?.tenantId ?? "";
    const refused = await house.operations.domainAdd(platformCaller, { tenantId: rival, name: "SHOP.example" });
    assert.deepEqual(codes(refused), ["DOMAIN_TAKEN"]);
    const details = refused.errors[0]?.details;
    house.world.txt.set(String(details?.recordName), [String(details?.verificationValue)]);
    const taken = await house.operations.domainAdd(platformCaller, { tenantId: rival, name: "shop.example" });
    assert.deepEqual(codes(taken), []);
    assert.equal(taken.value?.verified, true);
    const events = [];
    for await (const event of house.world.store.readStream("domain-shop.example")) events.push(event);
    const lapsed = events.find((event) => event.type === "DomainClaimLapsed");
    assert.equal(lapsed?.metadata.tenantId, tenantId);
    assert.equal(lapsed?.metadata.actor.type, "system");
    assert.equal(JSON.stringify(lapsed).includes(rival), false);
    assert.deepEqual(codes(await house.operations.domainAdd(platformCaller, { tenantId, name: "mail.shop.example" })), [
      "DOMAIN_UNDER_OTHER_TENANT",
    ]);
  });

  test("a domain in use cannot be removed; a removed one can return", async () => {
    const { tenantId, domainId } = await tenantWithDomain();
    const made = await house.operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "a@demo.example",
      password: "correct horse",
    });
    assert.deepEqual(codes(await house.operations.domainRemove(platformCaller, { domainId })), ["DOMAIN_IN_USE"]);
    await house.operations.mailboxDelete(platformCaller, { mailboxId: made.value?.mailboxId ?? "" });
    assert.deepEqual(codes(await house.operations.domainRemove(platformCaller, { domainId })), []);
    assert.deepEqual(codes(await house.operations.domainAdd(platformCaller, { tenantId, name: "demo.example" })), []);
  });
});

describe("policy", () => {
  const house = operationsWorld();
  const { tenantWithDomain } = house;

  test("risky values need the platform's unlock; what is set says where", async () => {
    const { tenantId } = await tenantWithDomain();
    const open = { scope: { tenantId }, set: { relayMode: "anyone" } };
    assert.deepEqual(codes(await house.operations.policyUpdate(platformCaller, open)), ["UNLOCK_REQUIRED"]);
    assert.deepEqual(
      codes(await house.operations.policyUpdate(platformCaller, { scope: { tenantId }, set: { vrfy: 252 } })),
      ["SETTING_NOT_AT_SCOPE"],
    );
    assert.deepEqual(
      codes(await house.operations.policyUpdate(platformCaller, { scope: { tenantId }, set: { nope: 1 } })),
      ["SETTING_UNKNOWN"],
    );
    assert.deepEqual(
      codes(await house.operations.policyUpdate(platformCaller, { scope: { tenantId }, set: { relayMode: "some" } })),
      ["SETTING_INVALID"],
    );
    assert.deepEqual(
      codes(
        await house.operations.policyUpdate(platformCaller, {
          scope: { platform: true },
          set: { unlocks: ["anyone"] },
        }),
      ),
      [],
    );
    const opened = await house.operations.policyUpdate(platformCaller, open);
    assert.deepEqual(codes(opened), []);
    const relay = opened.value?.settings.find((setting) => setting.name === "relayMode");
    assert.deepEqual(
      [relay?.value, relay?.setAtScope, relay?.byEvent],
      ["anyone", tenantId, opened.receipt?.events[0]?.id],
    );
    const same = await house.operations.policyUpdate(platformCaller, open);
    assert.deepEqual(same.receipt?.events, []);
  });

  test("entries: the same pattern again is the same entry", async () => {
    const { tenantId } = await tenantWithDomain();
    const scope = { tenantId };
    const first = await house.operations.senderEntryAdd(platformCaller, {
      scope,
      list: "kill",
      pattern: "@Spam.Example",
    });
    assert.equal(first.value?.pattern, "@spam.example");
    const again = await house.operations.senderEntryAdd(platformCaller, {
      scope,
      list: "kill",
      pattern: "@spam.example",
      note: "why",
    });
    assert.equal(again.value?.entryId, first.value?.entryId);
    assert.equal(again.value?.note, "why");
    const bad = await house.operations.senderEntryAdd(platformCaller, {
      scope,
      list: "accept",
      pattern: "not a pattern",
    });
    assert.deepEqual(codes(bad), ["PATTERN_INVALID"]);
    const trust = { scope, list: "accept", pattern: "@friend.example", trustUnverified: true } as const;
    assert.deepEqual(codes(await house.operations.senderEntryAdd(platformCaller, trust)), ["UNLOCK_REQUIRED"]);
    const entryId = first.value?.entryId ?? "";
    assert.deepEqual(codes(await house.operations.senderEntryRemove(platformCaller, { entryId })), []);
    assert.deepEqual(codes(await house.operations.senderEntryRemove(platformCaller, { entryId })), ["NOT_FOUND"]);
  });
});

describe("suspension", () => {
  const house = operationsWorld();
  const { tenantWithDomain } = house;

  test("resume restores what was before; the caller's kind is checked first", async () => {
    const { tenantId } = await tenantWithDomain();
    const suspended = await house.operations.tenantSuspend(platformCaller, { tenantId, reason: "NON_PAYMENT" });
    assert.deepEqual(suspended.value?.switches, { login: true, submission: true, inbound: false, forwarding: true });
    const resumed = await house.operations.tenantResume(platformCaller, { tenantId });
    assert.equal(resumed.value?.suspended, false);
    const tenant: Caller = { ...platformCaller, scope: { kind: "tenant", id: tenantId as never } };
    await assert.rejects(house.operations.tenantSuspend(tenant, { tenantId, reason: "ADMIN" }), OperationForbidden);
    await assert.rejects(
      house.operations.tokenCreate(tenant, { name: "x", scope: { platform: true } }),
      OperationForbidden,
    );
  });
});
