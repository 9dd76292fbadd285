import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MessageDelivered, MessageMarked } from "@mailfold/events";
import type { RecordedEvent, TenantId } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import { platformCaller } from "../test-support/api-test-world.ts";
import { type HeldFor, holdMail } from "../test-support/held-mail-test-world.ts";
import { operationsWorld } from "../test-support/operations-test-world.ts";
import type { OperationOutcome } from "./operation-outcome.ts";
import type { HeldCopyResult } from "./operations.ts";

type Outcome = OperationOutcome<readonly HeldCopyResult[]>;
const codesOf = (outcome: Outcome) => outcome.value?.map(({ errors }) => errors[0]?.code ?? "done");

describe("quarantine operations", () => {
  const house = operationsWorld();

  async function mailboxOf(name = "demo.example"): Promise<HeldFor> {
    const { tenantId, resellerId, domainId } = await house.tenantWithDomain(platformCaller, name);
    const address = `user@${name}`;
    const input = { tenantId, address, password: "correct horse" };
    const mailbox = await house.operations.mailboxCreate(platformCaller, input);
    return {
      tenant: tenantId,
      reseller: resellerId,
      domain: domainId,
      address,
      mailbox: mailbox.value?.mailboxId ?? "",
    };
  }
  const tenantCaller = (to: HeldFor): Caller => ({
    ...platformCaller,
    subject: `tok ${to.tenant}`,
    scope: { kind: "tenant", id: to.tenant as TenantId },
  });
  async function eventsOf(...types: readonly string[]): Promise<RecordedEvent[]> {
    const found: RecordedEvent[] = [];
    for await (const event of house.world.store.readAll({ filter: { types } })) found.push(event);
    return found;
  }

  test("a release delivers the original with its trace fields, once, and lets go of the held body", async () => {
    const to = await mailboxOf();
    const { id, stream, holdId, body } = await holdMail(house.world, to);
    const name = `${body.tenantId}/${body.sha256}`;
    assert.deepEqual(house.world.bodies.held.get(stream), new Set([name]));
    const outcome = await house.operations.quarantineRelease(tenantCaller(to), { ids: [id] });
    assert.deepEqual([outcome.errors, codesOf(outcome)], [[], ["done"]]);
    assert.equal(outcome.value?.[0]?.entry?.status, "released");
    assert.equal(outcome.receipt?.events.length, 2);
    const [delivered, ...more] = await eventsOf("MessageDelivered");
    assert.deepEqual([more.length, delivered?.stream], [0, `mail-${to.mailbox}`]);
    const data = delivered?.data as MessageDelivered["data"];
    assert.deepEqual([data.deliveryId, data.folder, data.body], [holdId, "INBOX", body]);
    assert.equal(data.prefix, `Return-Path: <eve@spam.example>\r\nDelivered-To: ${to.address}\r\n`);
    const [released] = await eventsOf("HeldMessageReleased");
    assert.deepEqual([released?.stream, released?.metadata.actor.type], [stream, "tenant"]);
    assert.deepEqual(house.world.bodies.held.get(`mail-${to.mailbox}`), new Set([name]));
    assert.deepEqual(house.world.bodies.held.get(stream), new Set());

    const again = await house.operations.quarantineRelease(tenantCaller(to), { ids: [id] });
    assert.deepEqual([codesOf(again), again.receipt], [["HOLD_SETTLED"], undefined]);
    assert.deepEqual(again.value?.[0]?.errors[0]?.details, { status: "released" });
    const late = await house.operations.quarantineDelete(tenantCaller(to), { ids: [id] });
    assert.deepEqual(codesOf(late), ["HOLD_SETTLED"]);
    assert.equal((await eventsOf("MessageDelivered")).length, 1);
  });

  test("a rule's folder is kept", async () => {
    const to = await mailboxOf();
    const { id } = await holdMail(house.world, to, { folder: { specialUse: "archive" } });
    await house.operations.quarantineRelease(platformCaller, { ids: [id] });
    const [delivered] = await eventsOf("MessageDelivered");
    assert.deepEqual((delivered?.data as MessageDelivered["data"] | undefined)?.folder, { specialUse: "archive" });
  });

  test("two admins at once: one delivery, one refusal, whoever else deletes it", async () => {
    const to = await mailboxOf();
    for (let round = 0; round < 5; round += 1) {
      const { id, stream } = await holdMail(house.world, to);
      const outcomes = await Promise.all([
        house.operations.quarantineRelease(tenantCaller(to), { ids: [id] }),
        house.operations.quarantineRelease(platformCaller, { ids: [id] }),
        house.operations.quarantineDelete(platformCaller, { ids: [id] }),
      ]);
      assert.deepEqual(outcomes.map((outcome) => codesOf(outcome)?.[0]).sort(), [
        "HOLD_SETTLED",
        "HOLD_SETTLED",
        "done",
      ]);
      const ends = (await eventsOf("HeldMessageReleased", "HeldMessageDeleted")).filter(
        (each) => each.stream === stream,
      );
      assert.equal(ends.length, 1);
    }
    const released = await eventsOf("HeldMessageReleased");
    assert.equal((await eventsOf("MessageDelivered")).length, released.length);
  });

  test("each of several has its own outcome, and one commandId makes a retry harmless", async () => {
    const to = await mailboxOf();
    const foreign = await holdMail(house.world, await mailboxOf("other.example"));
    const [a, b] = [await holdMail(house.world, to), await holdMail(house.world, to)];
    const expired = await holdMail(house.world, to, { expiresAt: 1 });
    const caller = tenantCaller(to);
    const ids = [a.id, foreign.id, expired.id, "nonsense", b.id, a.id];
    const dry = await house.operations.quarantineRelease(caller, { ids, dryRun: true, commandId: "c-1" });
    const wanted = ["done", "NOT_FOUND", "HOLD_EXPIRED", "NOT_FOUND", "done"];
    assert.deepEqual([codesOf(dry), dry.receipt?.dryRun], [wanted, true]);
    assert.equal((await eventsOf("HeldMessageReleased", "MessageDelivered")).length, 0);
    assert.equal((await eventsOf("MessageMarked")).length, 0, "a release alone says nothing of the kind");
    assert.equal(house.world.bodies.held.get(a.stream)?.size, 1, "a dry run lets go of nothing");
    const first = await house.operations.quarantineRelease(caller, { ids, commandId: "c-1" });
    assert.deepEqual([codesOf(first), first.receipt?.replayed], [wanted, false]);
    const again = await house.operations.quarantineRelease(caller, { ids, commandId: "c-1" });
    assert.deepEqual([codesOf(again), again.receipt?.replayed], [wanted, true]);
    assert.equal((await eventsOf("MessageDelivered")).length, 2);
    const other = await house.operations.quarantineRelease(caller, {
      ids: [a.id],
      commandId: "c-1",
      acceptSender: true,
    });
    assert.deepEqual(codesOf(other), ["COMMAND_REUSED"]);
  });

  test("nothing is delivered to a mailbox that takes no mail", async () => {
    const to = await mailboxOf();
    const { id } = await holdMail(house.world, to);
    const release = async () => codesOf(await house.operations.quarantineRelease(platformCaller, { ids: [id] }));
    const mailboxId = to.mailbox;
    await house.operations.mailboxSuspend(platformCaller, { mailboxId });
    assert.deepEqual(await release(), ["MAILBOX_SUSPENDED"]);
    await house.operations.mailboxResume(platformCaller, { mailboxId });
    await house.operations.mailboxDelete(platformCaller, { mailboxId });
    assert.deepEqual(await release(), ["MAILBOX_DELETED"]);
    await house.operations.mailboxRestore(platformCaller, { mailboxId });
    assert.deepEqual(await release(), ["done"]);
  });

  test("a deleted copy lets go of its body", async () => {
    const to = await mailboxOf();
    const { id, stream } = await holdMail(house.world, to, { kind: "discarded" });
    const outcome = await house.operations.quarantineDelete(tenantCaller(to), { ids: [id] });
    assert.deepEqual([codesOf(outcome), outcome.value?.[0]?.entry?.status], [["done"], "deleted"]);
    assert.deepEqual(house.world.bodies.held.get(stream), new Set());
    assert.equal((await eventsOf("MessageDelivered")).length, 0);
  });

  test("the sender is accepted for the mailbox, or where it was asked for; a bounce has none", async () => {
    const to = await mailboxOf();
    const [a, b] = [await holdMail(house.world, to), await holdMail(house.world, to)];
    const caller = tenantCaller(to);
    const dry = await house.operations.quarantineRelease(caller, { ids: [a.id], acceptSender: true, dryRun: true });
    assert.deepEqual([codesOf(dry), (await eventsOf("SenderEntryAdded")).length], [["done"], 0]);
    const both = await house.operations.quarantineRelease(caller, { ids: [a.id, b.id], acceptSender: true });
    assert.deepEqual(codesOf(both), ["done", "done"]);
    const { scope, list, pattern } = both.value?.[0]?.accepted ?? assert.fail("no entry");
    assert.deepEqual([scope, list, pattern], [{ kind: "mailbox", id: to.mailbox }, "accept", "eve@spam.example"]);
    assert.equal((await eventsOf("SenderEntryAdded")).length, 1);
    const marks = (await eventsOf("MessageMarked")).map(({ data }) => data as MessageMarked["data"]);
    assert.deepEqual(
      marks.map(({ mark, by, mailboxId, body }) => [mark, by, mailboxId, body.sha256]),
      [a, b].map(({ body }) => ["notSpam", "release", to.mailbox, body.sha256]),
      "who accepts the sender says that it was no spam",
    );

    const wide = await holdMail(house.world, to, { sender: "friend@far.example" });
    const acceptScope = { tenantId: to.tenant };
    const input = { ids: [wide.id], acceptScope };
    const there = await house.operations.quarantineRelease(caller, input);
    assert.deepEqual(there.value?.[0]?.accepted?.scope, { kind: "tenant", id: to.tenant });

    const bounce = await holdMail(house.world, to, { sender: "" });
    const refused = await house.operations.quarantineRelease(caller, { ids: [bounce.id], acceptSender: true });
    assert.deepEqual(codesOf(refused), ["INVALID_INPUT"]);
    const foreignScope = { tenantId: (await mailboxOf("other.example")).tenant };
    const foreign = { ids: [bounce.id], acceptSender: true, acceptScope: foreignScope };
    const other = await holdMail(house.world, to, { sender: "friend@far.example" });
    const outside = await house.operations.quarantineRelease(caller, { ...foreign, ids: [other.id] });
    assert.deepEqual(codesOf(outside), ["NOT_FOUND"]);
    const released = await eventsOf("HeldMessageReleased");
    assert.equal(released.length, 3, "what cannot be accepted is not released either");
  });

  test("bad input of the whole", async () => {
    for (const ids of [[], Array.from({ length: 101 }, (_, index) => `hld_${index}`)]) {
      const outcome = await house.operations.quarantineDelete(platformCaller, { ids });
      assert.deepEqual([outcome.errors[0]?.code, outcome.errors[0]?.path], ["INVALID_INPUT", ["ids"]]);
    }
    const bad = await house.operations.quarantineDelete(platformCaller, { ids: ["x"], commandId: "a b" });
    assert.deepEqual([bad.errors[0]?.code, bad.errors[0]?.path], ["INVALID_INPUT", ["commandId"]]);
  });
});
