import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemCaller } from "../caller.ts";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, count, operationsWorld } from "../test-support/operations-test-world.ts";

describe("idempotency", () => {
  const house = operationsWorld();
  const { tenantWithDomain } = house;

  test("a retry answers the first result and writes nothing", async () => {
    const { tenantId } = await tenantWithDomain();
    const input = { tenantId, address: "a@demo.example", password: "correct horse", commandId: "c1" };
    const first = await house.operations.mailboxCreate(platformCaller, input);
    const before = await count(house.world.store);
    const again = await house.operations.mailboxCreate(platformCaller, { ...input });
    assert.deepEqual(codes(first), []);
    assert.equal(again.receipt?.replayed, true);
    assert.equal(first.receipt?.replayed, false);
    assert.deepEqual(again.receipt?.events, first.receipt?.events);
    assert.equal(again.receipt?.position, first.receipt?.position);
    assert.deepEqual(again.value, first.value);
    assert.equal(await count(house.world.store), before);
  });

  test("the same commandId with another input, secret or object is refused", async () => {
    const { tenantId, domainId } = await tenantWithDomain();
    const input = { tenantId, address: "a@demo.example", password: "correct horse", commandId: "c1" };
    const created = await house.operations.mailboxCreate(platformCaller, input);
    const other = await house.operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "b@demo.example",
      password: "correct horse",
    });
    const before = await count(house.world.store);
    assert.deepEqual(codes(await house.operations.mailboxCreate(platformCaller, { ...input, quotaBytes: 5 })), [
      "COMMAND_REUSED",
    ]);
    assert.deepEqual(
      codes(await house.operations.mailboxCreate(platformCaller, { ...input, address: "c@demo.example" })),
      ["COMMAND_REUSED"],
    );
    assert.deepEqual(
      codes(await house.operations.mailboxCreate(platformCaller, { ...input, password: "wrong horse!" })),
      ["COMMAND_REUSED"],
    );
    assert.equal(await count(house.world.store), before);
    const mailboxId = created.value?.mailboxId ?? "";
    const suspend = await house.operations.mailboxSuspend(platformCaller, { mailboxId, commandId: "s1" });
    assert.deepEqual(codes(suspend), []);
    const elsewhere = await house.operations.mailboxSuspend(platformCaller, {
      mailboxId: other.value?.mailboxId ?? "",
      commandId: "s1",
    });
    assert.deepEqual(codes(elsewhere), ["COMMAND_REUSED"]);
    // The same text under another operation, or of another subject, is another command.
    assert.deepEqual(
      codes(await house.operations.domainVerify(platformCaller, { domainId, method: "platform", commandId: "c1" })),
      [],
    );
    const stranger = { ...platformCaller, subject: "another" };
    assert.equal(
      (await house.operations.tenantCreate(stranger, { resellerId: "rsl_x", name: "x", commandId: "c1" })).errors
        .length,
      1,
    );
  });

  test("a retried password change is checked against what the first call stored", async () => {
    const { tenantId } = await tenantWithDomain();
    const made = await house.operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "a@demo.example",
      password: "first password",
    });
    const mailboxId = made.value?.mailboxId ?? "";
    const set = { mailboxId, password: "second password", commandId: "p1" };
    assert.equal((await house.operations.mailboxSetPassword(platformCaller, set)).receipt?.replayed, false);
    await house.operations.mailboxSetPassword(platformCaller, {
      mailboxId,
      password: "third password",
      commandId: "p2",
    });
    assert.equal((await house.operations.mailboxSetPassword(platformCaller, set)).receipt?.replayed, true);
    assert.deepEqual(
      codes(await house.operations.mailboxSetPassword(platformCaller, { ...set, password: "fourth password" })),
      ["COMMAND_REUSED"],
    );
  });

  test("twenty equal commands at once are one", async () => {
    const { resellerId } = await tenantWithDomain();
    const input = { resellerId, name: "Twin", externalId: "twin", commandId: "t1" };
    const all = await Promise.all(
      Array.from({ length: 20 }, () => house.operations.tenantCreate(platformCaller, { ...input })),
    );
    assert.equal(all.filter((outcome) => outcome.receipt?.replayed === false).length, 1);
    assert.equal(new Set(all.map((outcome) => outcome.value?.tenantId)).size, 1);
    const others = await Promise.all(
      Array.from({ length: 10 }, () =>
        house.operations.tenantCreate(platformCaller, { resellerId, name: "X", externalId: "x" }),
      ),
    );
    assert.equal(others.filter((outcome) => outcome.errors.length === 0).length, 1);
    assert.ok(others.every((outcome) => outcome.errors.length === 0 || codes(outcome)[0] === "EXTERNAL_ID_TAKEN"));
  });

  test("a rotated token keeps its subject, so its retries still replay; a secret is shown once", async () => {
    const { tenantId } = await tenantWithDomain();
    const input = { name: "panel", scope: { tenantId }, commandId: "k1" };
    const first = await house.operations.tokenCreate(platformCaller, input);
    assert.match(first.value?.secret ?? "", /^mf_[0-9a-z]{26}[\w-]{43}$/);
    const replay = await house.operations.tokenCreate(platformCaller, input);
    assert.equal(replay.receipt?.replayed, true);
    assert.equal(replay.value?.secret, undefined);
    const rotated = await house.operations.tokenCreate(platformCaller, {
      name: "panel",
      scope: { tenantId },
      rotates: first.value?.token?.tokenId,
    });
    assert.equal(rotated.value?.token?.subject, first.value?.token?.subject);
    assert.notEqual(rotated.value?.token?.tokenId, first.value?.token?.tokenId);
  });
});

describe("retries of what ends an object", () => {
  const house = operationsWorld();
  const { tenantWithDomain } = house;

  test("are answered with the object as it was", async () => {
    const { tenantId, domainId } = await tenantWithDomain();
    const target =
      (
        await house.operations.mailboxCreate(platformCaller, {
          tenantId,
          address: "a@demo.example",
          password: "correct horse",
        })
      ).value?.mailboxId ?? "";
    const alias = await house.operations.aliasAdd(platformCaller, {
      tenantId,
      address: "info@demo.example",
      targets: [target],
    });
    const entry = await house.operations.senderEntryAdd(platformCaller, {
      scope: { tenantId },
      list: "kill",
      pattern: "192.0.2.7",
    });
    const aliasId = alias.value?.aliasId ?? "";
    const entryId = entry.value?.entryId ?? "";
    const removals = [
      () => house.operations.aliasRemove(platformCaller, { aliasId, commandId: "r1" }),
      () => house.operations.senderEntryRemove(platformCaller, { entryId, commandId: "r2" }),
      async () => {
        await house.operations.mailboxDelete(platformCaller, { mailboxId: target });
        return house.operations.domainRemove(platformCaller, { domainId, commandId: "r3" });
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
    assert.deepEqual(codes(await house.operations.aliasRemove(platformCaller, { aliasId: entryId, commandId: "r1" })), [
      "COMMAND_REUSED",
    ]);
  });
});

describe("dryRun", () => {
  const house = operationsWorld();
  const { tenantWithDomain } = house;

  test("answers the would-be events and writes nothing, hashes nothing", async () => {
    const { tenantId } = await tenantWithDomain();
    const before = await count(house.world.store);
    const outcome = await house.operations.mailboxCreate(platformCaller, {
      tenantId,
      address: "a@demo.example",
      password: "correct horse",
      dryRun: true,
      commandId: "d1",
    });
    assert.deepEqual(codes(outcome), []);
    assert.equal(outcome.receipt?.dryRun, true);
    assert.equal(outcome.receipt?.events.at(-1)?.type, "MailboxCreated");
    assert.equal(await count(house.world.store), before);
    const refused = await house.operations.domainAdd(platformCaller, { tenantId, name: "co.uk", dryRun: true });
    assert.deepEqual(codes(refused), ["DOMAIN_IS_PUBLIC_SUFFIX"]);
    assert.equal(
      (
        await house.operations.mailboxCreate(platformCaller, {
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

describe("receipts and bad input", () => {
  const house = operationsWorld();

  test("a lagging view is said, not waited for", async () => {
    house.world.lagging = true;
    const outcome = await house.operations.resellerCreate(systemCaller("demo"), { name: "ISP" });
    assert.equal(outcome.receipt?.lagging, true);
  });

  test("a commandId has a form", async () => {
    for (const commandId of ["", "a b", "x".repeat(129), "é"]) {
      assert.deepEqual(codes(await house.operations.resellerCreate(platformCaller, { name: "ISP", commandId })), [
        "INVALID_INPUT",
      ]);
    }
  });
});
