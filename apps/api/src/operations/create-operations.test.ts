import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { EventStore } from "@mailfold/event-store";
import { type Caller, systemCaller } from "../caller.ts";
import { type ApiWorld, createApiWorld, platformCaller } from "../test-support/api-test-world.ts";
import { createOperations } from "./create-operations.ts";
import { OperationForbidden } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";

let world: ApiWorld;
let operations: Operations;
beforeEach(async () => {
  world = await createApiWorld();
  operations = createOperations(world.deps);
});
afterEach(() => world.close());

const codes = (outcome: { errors: readonly { code: string }[] }) => outcome.errors.map((error) => error.code);

async function count(store: EventStore): Promise<number> {
  let seen = 0;
  for await (const _event of store.readAll()) seen += 1;
  return seen;
}

async function tenantWithDomain(caller: Caller = platformCaller, name = "demo.example") {
  const reseller = await operations.resellerCreate(platformCaller, { name: "ISP" });
  const resellerId = reseller.value?.resellerId ?? "";
  const tenant = await operations.tenantCreate(caller, { resellerId, name: "Demo" });
  const tenantId = tenant.value?.tenantId ?? "";
  const domain = await operations.domainAdd(caller, { tenantId, name });
  assert.deepEqual(codes(domain), []);
  return { resellerId, tenantId, domainId: domain.value?.domainId ?? "" };
}

describe("idempotency", () => {
  test("a retry answers the first result and writes nothing", async () => {
    const { tenantId } = await tenantWithDomain();
    const input = { tenantId, address: "a@demo.example", password: "correct horse", commandId: "c1" };
    const first = await operations.mailboxCreate(platformCaller, input);
    const before = await count(world.store);
    const again = await operations.mailboxCreate(platformCaller, { ...input });
    assert.deepEqual(codes(first), []);
    assert.equal(again.receipt?.replayed, true);
    assert.equal(first.receipt?.replayed, false);
    assert.deepEqual(again.receipt?.events, first.receipt?.events);
    assert.equal(again.receipt?.position, first.receipt?.position);
    assert.deepEqual(again.value, first.value);
    assert.equal(await count(world.store), before);
  });

  test("the same commandId with another input, secret or object is refused", async () => {
    const { tenantId, domainId } = await tenantWithDomain();
    const input = { tenantId, address: "a@demo.example", password: "correct horse", commandId: "c1" };
    const created = await operations.mailboxCreate(platformCaller, input);
    const other = await operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "b@demo.example",
      password: "correct horse",
    });
    const before = await count(world.store);
    assert.deepEqual(codes(await operations.mailboxCreate(platformCaller, { ...input, quotaBytes: 5 })), [
      "COMMAND_REUSED",
    ]);
    assert.deepEqual(codes(await operations.mailboxCreate(platformCaller, { ...input, address: "c@demo.example" })), [
      "COMMAND_REUSED",
    ]);
    assert.deepEqual(codes(await operations.mailboxCreate(platformCaller, { ...input, password: "wrong horse!" })), [
      "COMMAND_REUSED",
    ]);
    assert.equal(await count(world.store), before);
    const mailboxId = created.value?.mailboxId ?? "";
    const suspend = await operations.mailboxSuspend(platformCaller, { mailboxId, commandId: "s1" });
    assert.deepEqual(codes(suspend), []);
    const elsewhere = await operations.mailboxSuspend(platformCaller, {
      mailboxId: other.value?.mailboxId ?? "",
      commandId: "s1",
    });
    assert.deepEqual(codes(elsewhere), ["COMMAND_REUSED"]);
    // The same text under another operation, or of another subject, is another command.
    assert.deepEqual(
      codes(await operations.domainVerify(platformCaller, { domainId, method: "platform", commandId: "c1" })),
      [],
    );
    const stranger = { ...platformCaller, subject: "another" };
    assert.equal(
      (await operations.tenantCreate(stranger, { resellerId: "rsl_x", name: "x", commandId: "c1" })).errors.length,
      1,
    );
  });

  test("a retried password change is checked against what the first call stored", async () => {
    const { tenantId } = await tenantWithDomain();
    const made = await operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "a@demo.example",
      password: "first password",
    });
    const mailboxId = made.value?.mailboxId ?? "";
    const set = { mailboxId, password: "second password", commandId: "p1" };
    assert.equal((await operations.mailboxSetPassword(platformCaller, set)).receipt?.replayed, false);
    await operations.mailboxSetPassword(platformCaller, { mailboxId, password: "third password", commandId: "p2" });
    assert.equal((await operations.mailboxSetPassword(platformCaller, set)).receipt?.replayed, true);
    assert.deepEqual(
      codes(await operations.mailboxSetPassword(platformCaller, { ...set, password: "fourth password" })),
      ["COMMAND_REUSED"],
    );
  });

  test("twenty equal commands at once are one", async () => {
    const { resellerId } = await tenantWithDomain();
    const input = { resellerId, name: "Twin", externalId: "twin", commandId: "t1" };
    const all = await Promise.all(
      Array.from({ length: 20 }, () => operations.tenantCreate(platformCaller, { ...input })),
    );
    assert.equal(all.filter((outcome) => outcome.receipt?.replayed === false).length, 1);
    assert.equal(new Set(all.map((outcome) => outcome.value?.tenantId)).size, 1);
    const others = await Promise.all(
      Array.from({ length: 10 }, () =>
        operations.tenantCreate(platformCaller, { resellerId, name: "X", externalId: "x" }),
      ),
    );
    assert.equal(others.filter((outcome) => outcome.errors.length === 0).length, 1);
    assert.ok(others.every((outcome) => outcome.errors.length === 0 || codes(outcome)[0] === "EXTERNAL_ID_TAKEN"));
  });

  test("a rotated token keeps its subject, so its retries still replay; a secret is shown once", async () => {
    const { tenantId } = await tenantWithDomain();
    const input = { name: "panel", scope: { tenantId }, commandId: "k1" };
    const first = await operations.tokenCreate(platformCaller, input);
    assert.match(first.value?.secret ?? "", /^mf_[0-9a-z]{26}[\w-]{43}$/);
    const replay = await operations.tokenCreate(platformCaller, input);
    assert.equal(replay.receipt?.replayed, true);
    assert.equal(replay.value?.secret, undefined);
    const rotated = await operations.tokenCreate(platformCaller, {
      name: "panel",
      scope: { tenantId },
      rotates: first.value?.token?.tokenId,
    });
    assert.equal(rotated.value?.token?.subject, first.value?.token?.subject);
    assert.notEqual(rotated.value?.token?.tokenId, first.value?.token?.tokenId);
  });
});

describe("retries of what ends an object", () => {
  test("are answered with the object as it was", async () => {
    const { tenantId, domainId } = await tenantWithDomain();
    const target =
      (
        await operations.mailboxCreate(platformCaller, {
          tenantId,
          address: "a@demo.example",
          password: "correct horse",
        })
      ).value?.mailboxId ?? "";
    const alias = await operations.aliasAdd(platformCaller, {
      tenantId,
      address: "info@demo.example",
      targets: [target],
    });
    const entry = await operations.senderEntryAdd(platformCaller, {
      scope: { tenantId },
      list: "kill",
      pattern: "192.0.2.7",
    });
    const aliasId = alias.value?.aliasId ?? "";
    const entryId = entry.value?.entryId ?? "";
    const removals = [
      () => operations.aliasRemove(platformCaller, { aliasId, commandId: "r1" }),
      () => operations.senderEntryRemove(platformCaller, { entryId, commandId: "r2" }),
      async () => {
        await operations.mailboxDelete(platformCaller, { mailboxId: target });
        return operations.domainRemove(platformCaller, { domainId, commandId: "r3" });
      },
    ] as const;
    for (const remove of removals) {
      const first = await remove();
      assert.deepEqual(codes(first), []);
      const again = await remove();
      assert.equal(again.receipt?.replayed, true);
      assert.deepEqual(again.receipt?.events, first.receipt?.events);
      assert.deepEqual(again.value, first.value);
    }
    assert.deepEqual(codes(await operations.aliasRemove(platformCaller, { aliasId: entryId, commandId: "r1" })), [
      "COMMAND_REUSED",
    ]);
  });
});

describe("dryRun", () => {
  test("answers the would-be events and writes nothing, hashes nothing", async () => {
    const { tenantId } = await tenantWithDomain();
    const before = await count(world.store);
    const outcome = await operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "a@demo.example",
      password: "correct horse",
      dryRun: true,
      commandId: "d1",
    });
    assert.deepEqual(codes(outcome), []);
    assert.equal(outcome.receipt?.dryRun, true);
    assert.equal(outcome.receipt?.events.at(-1)?.type, "MailboxCreated");
    assert.equal(await count(world.store), before);
    const refused = await operations.domainAdd(platformCaller, { tenantId, name: "co.uk", dryRun: true });
    assert.deepEqual(codes(refused), ["DOMAIN_IS_PUBLIC_SUFFIX"]);
    assert.equal(
      (
        await operations.mailboxCreate(platformCaller, {
          tenantId,
          address: "a@demo.example",
          password: "correct horse",
          commandId: "d1",
        })
      ).receipt?.replayed,
      false,
    );
  });
});

describe("addresses", () => {
  test("one address has one holder; deleting frees it; restoring may find it taken", async () => {
    const { tenantId } = await tenantWithDomain();
    const input = { tenantId, address: "a@demo.example", password: "correct horse" };
    const all = await Promise.all(Array.from({ length: 8 }, () => operations.mailboxCreate(platformCaller, input)));
    assert.equal(all.filter((outcome) => outcome.errors.length === 0).length, 1);
    const first = all.find((outcome) => outcome.value !== undefined)?.value?.mailboxId ?? "";
    assert.deepEqual(
      codes(await operations.aliasAdd(platformCaller, { tenantId, address: "A@Demo.example", targets: [first] })),
      ["ADDRESS_TAKEN"],
    );
    await operations.mailboxDelete(platformCaller, { mailboxId: first });
    const second = await operations.mailboxCreate(platformCaller, input);
    assert.deepEqual(codes(second), []);
    assert.deepEqual(codes(await operations.mailboxRestore(platformCaller, { mailboxId: first })), ["ADDRESS_TAKEN"]);
    await operations.mailboxDelete(platformCaller, { mailboxId: second.value?.mailboxId ?? "" });
    const restored = await operations.mailboxRestore(platformCaller, { mailboxId: first });
    assert.deepEqual(codes(restored), []);
    assert.equal(restored.value?.status, "active");
  });

  test("a claim that a crash left without mailbox is completed by the retry, and lapses for others after 60 s", async () => {
    const { tenantId } = await tenantWithDomain();
    const { store } = world;
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
      createOperations({ ...world.deps, journal: { ...world.deps.journal, events: bound(stepwise(failAt), store) } });
    for (const failAt of [1, 2]) {
      const input = {
        tenantId,
        address: `c${failAt}@demo.example`,
        password: "correct horse",
        commandId: `m${failAt}`,
      };
      await assert.rejects(crashing(failAt).mailboxCreate(platformCaller, input), /power cut/);
      const stranger = { ...input, commandId: `other${failAt}` };
      assert.deepEqual(codes(await operations.mailboxCreate(platformCaller, stranger)), ["ADDRESS_TAKEN"]);
      const retried = await operations.mailboxCreate(platformCaller, input);
      assert.deepEqual(codes(retried), []);
      const folders: string[] = [];
      for await (const event of store.readStream(`mail-${retried.value?.mailboxId}`)) {
        if (event.type === "FolderCreated") folders.push((event.data as { name: string }).name);
      }
      assert.deepEqual(folders, ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"]);
    }
    const input = { tenantId, address: "late@demo.example", password: "correct horse", commandId: "late" };
    await assert.rejects(crashing(1).mailboxCreate(platformCaller, input), /power cut/);
    world.advance(61_000);
    assert.deepEqual(codes(await operations.mailboxCreate(platformCaller, { ...input, commandId: "other" })), []);
    assert.deepEqual(codes(await operations.mailboxCreate(platformCaller, input)), ["ADDRESS_TAKEN"]);
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
  test("a name has one owner; an unverified claim yields to proof, and its loser is told without who", async () => {
    const { tenantId, resellerId } = await tenantWithDomain(platformCaller, "shop.example");
    const rival = (await operations.tenantCreate(platformCaller, { resellerId, name: "Rival" })).value?.tenantId ?? "";
    const refused = await operations.domainAdd(platformCaller, { tenantId: rival, name: "SHOP.example" });
    assert.deepEqual(codes(refused), ["DOMAIN_TAKEN"]);
    const details = refused.errors[0]?.details;
    world.txt.set(String(details?.recordName), [String(details?.verificationValue)]);
    const taken = await operations.domainAdd(platformCaller, { tenantId: rival, name: "shop.example" });
    assert.deepEqual(codes(taken), []);
    assert.equal(taken.value?.verified, true);
    const events = [];
    for await (const event of world.store.readStream("domain-shop.example")) events.push(event);
    const lapsed = events.find((event) => event.type === "DomainClaimLapsed");
    assert.equal(lapsed?.metadata.tenantId, tenantId);
    assert.equal(lapsed?.metadata.actor.type, "system");
    assert.equal(JSON.stringify(lapsed).includes(rival), false);
    assert.deepEqual(codes(await operations.domainAdd(platformCaller, { tenantId, name: "mail.shop.example" })), [
      "DOMAIN_UNDER_OTHER_TENANT",
    ]);
  });

  test("a domain in use cannot be removed; a removed one can return", async () => {
    const { tenantId, domainId } = await tenantWithDomain();
    const made = await operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "a@demo.example",
      password: "correct horse",
    });
    assert.deepEqual(codes(await operations.domainRemove(platformCaller, { domainId })), ["DOMAIN_IN_USE"]);
    await operations.mailboxDelete(platformCaller, { mailboxId: made.value?.mailboxId ?? "" });
    assert.deepEqual(codes(await operations.domainRemove(platformCaller, { domainId })), []);
    assert.deepEqual(codes(await operations.domainAdd(platformCaller, { tenantId, name: "demo.example" })), []);
  });
});

describe("policy", () => {
  test("risky values need the platform's unlock; what is set says where", async () => {
    const { tenantId } = await tenantWithDomain();
    const open = { scope: { tenantId }, set: { relayMode: "anyone" } };
    assert.deepEqual(codes(await operations.policyUpdate(platformCaller, open)), ["UNLOCK_REQUIRED"]);
    assert.deepEqual(
      codes(await operations.policyUpdate(platformCaller, { scope: { tenantId }, set: { vrfy: 252 } })),
      ["SETTING_NOT_AT_SCOPE"],
    );
    assert.deepEqual(codes(await operations.policyUpdate(platformCaller, { scope: { tenantId }, set: { nope: 1 } })), [
      "SETTING_UNKNOWN",
    ]);
    assert.deepEqual(
      codes(await operations.policyUpdate(platformCaller, { scope: { tenantId }, set: { relayMode: "some" } })),
      ["SETTING_INVALID"],
    );
    assert.deepEqual(
      codes(await operations.policyUpdate(platformCaller, { scope: { platform: true }, set: { unlocks: ["anyone"] } })),
      [],
    );
    const opened = await operations.policyUpdate(platformCaller, open);
    assert.deepEqual(codes(opened), []);
    const relay = opened.value?.settings.find((setting) => setting.name === "relayMode");
    assert.deepEqual(
      [relay?.value, relay?.setAtScope, relay?.byEvent],
      ["anyone", tenantId, opened.receipt?.events[0]?.id],
    );
    const same = await operations.policyUpdate(platformCaller, open);
    assert.deepEqual(same.receipt?.events, []);
  });

  test("entries: the same pattern again is the same entry", async () => {
    const { tenantId } = await tenantWithDomain();
    const scope = { tenantId };
    const first = await operations.senderEntryAdd(platformCaller, { scope, list: "kill", pattern: "@Spam.Example" });
    assert.equal(first.value?.pattern, "@spam.example");
    const again = await operations.senderEntryAdd(platformCaller, {
      scope,
      list: "kill",
      pattern: "@spam.example",
      note: "why",
    });
    assert.equal(again.value?.entryId, first.value?.entryId);
    assert.equal(again.value?.note, "why");
    const bad = await operations.senderEntryAdd(platformCaller, { scope, list: "accept", pattern: "not a pattern" });
    assert.deepEqual(codes(bad), ["PATTERN_INVALID"]);
    const trust = { scope, list: "accept", pattern: "@friend.example", trustUnverified: true } as const;
    assert.deepEqual(codes(await operations.senderEntryAdd(platformCaller, trust)), ["UNLOCK_REQUIRED"]);
    const entryId = first.value?.entryId ?? "";
    assert.deepEqual(codes(await operations.senderEntryRemove(platformCaller, { entryId })), []);
    assert.deepEqual(codes(await operations.senderEntryRemove(platformCaller, { entryId })), ["NOT_FOUND"]);
  });
});

describe("suspension", () => {
  test("resume restores what was before; the caller's kind is checked first", async () => {
    const { tenantId } = await tenantWithDomain();
    const suspended = await operations.tenantSuspend(platformCaller, { tenantId, reason: "NON_PAYMENT" });
    assert.deepEqual(suspended.value?.switches, { login: true, submission: true, inbound: false, forwarding: true });
    const resumed = await operations.tenantResume(platformCaller, { tenantId });
    assert.equal(resumed.value?.suspended, false);
    const tenant: Caller = { ...platformCaller, scope: { kind: "tenant", id: tenantId as never } };
    await assert.rejects(operations.tenantSuspend(tenant, { tenantId, reason: "ADMIN" }), OperationForbidden);
    await assert.rejects(operations.tokenCreate(tenant, { name: "x", scope: { platform: true } }), OperationForbidden);
  });
});

describe("receipts and bad input", () => {
  test("a lagging view is said, not waited for", async () => {
    world.lagging = true;
    const outcome = await operations.resellerCreate(systemCaller("demo"), { name: "ISP" });
    assert.equal(outcome.receipt?.lagging, true);
  });

  test("a commandId has a form", async () => {
    for (const commandId of ["", "a b", "x".repeat(129), "é"]) {
      assert.deepEqual(codes(await operations.resellerCreate(platformCaller, { name: "ISP", commandId })), [
        "INVALID_INPUT",
      ]);
    }
  });
});
