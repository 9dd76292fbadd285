import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import type { RecordedEvent } from "@mailfold/kernel";
import { messageTrace } from "@mailfold/projection-message-trace";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, operationsWorld } from "../test-support/operations-test-world.ts";
import { createTenantObjects, type TenantObjects } from "../test-support/resellers-test-world.ts";

describe("messageMark", () => {
  const house = operationsWorld();
  const body = { tenantId: "ten_1", sha256: "ab".repeat(32), sizeBytes: 4 };

  /** A tenant whose mailbox was delivered the message of a verdict. */
  async function delivered(): Promise<TenantObjects & { readonly transactionId: string }> {
    const reseller = await house.operations.resellerCreate(platformCaller, { name: "ISP" });
    const objects = await createTenantObjects(house.world, reseller.value?.resellerId ?? "", "acme");
    return deliver(objects, reseller.value?.resellerId ?? "");
  }

  async function deliver(objects: TenantObjects, resellerId: string) {
    const { rows } = house.world.deps;
    const transactionId = String(rows.get(messageTrace, "verdicts", { verdictId: objects.verdict })?.transactionId);
    const data = {
      deliveryId: crypto.randomUUID(),
      folder: "INBOX",
      body,
      prefix: "",
      sizeBytes: 4,
      internalDate: 1,
      flags: [],
      transactionId,
      verdictId: objects.verdict,
    };
    const metadata = {
      tenantId: objects.tenant,
      resellerId,
      actor: { type: "peer", id: "192.0.2.9" },
    } as never;
    await house.world.store.append({
      stream: streams.mail(objects.mailbox as never),
      expected: "any",
      events: [
        {
          id: crypto.randomUUID(),
          type: "MessageDelivered",
          data,
          metadata,
          occurredAt: Date.now(),
        },
      ],
    });
    await house.world.fold();
    house.world.copies.set(`${objects.mailbox} ${objects.verdict}`, [
      { body, transactionId: transactionId as never, verdictId: objects.verdict as never },
      { body, transactionId: transactionId as never, verdictId: objects.verdict as never },
    ]);
    return { ...objects, transactionId };
  }
  /** What the report button said; the tenant's things have a mark from a mail client, too. */
  const marks = async (): Promise<RecordedEvent[]> => {
    const found: RecordedEvent[] = [];
    for await (const event of house.world.store.readAll({ filter: { streamPrefixes: ["mark-"] } }))
      if ((event.data as { by?: string }).by === "api") found.push(event);
    return found;
  };

  test("marks the copy that the verdict let in, once for each mailbox", async () => {
    const { verdict, mailbox, tenant, transactionId } = await delivered();
    const outcome = await house.operations.messageMark(platformCaller, { reference: verdict, mark: "spam" });
    assert.deepEqual(codes(outcome), []);
    assert.deepEqual(outcome.value, { reference: verdict, mark: "spam", mailboxIds: [mailbox] });
    const [mark, ...more] = await marks();
    assert.equal(more.length, 0);
    assert.deepEqual(
      { ...(mark?.data as object) },
      {
        mailboxId: mailbox,
        messageKey: verdict,
        body,
        transactionId,
        verdictId: verdict,
        mark: "spam",
        by: "api",
      },
    );
    assert.equal(mark?.metadata.tenantId, tenant);
  });

  test("a retry with the same commandId answers the first result; another input is refused; dryRun writes nothing", async () => {
    const { verdict } = await delivered();
    const input = { reference: verdict, mark: "notSpam", commandId: "c-1" } as const;
    const dry = await house.operations.messageMark(platformCaller, { ...input, dryRun: true });
    assert.equal((await marks()).length, 0);
    assert.equal(dry.receipt?.events.length, 1);
    await house.operations.messageMark(platformCaller, input);
    house.world.advance(86_400_000);
    const again = await house.operations.messageMark(platformCaller, input);
    assert.equal(again.receipt?.replayed, true);
    assert.equal((await marks()).length, 1);
    assert.deepEqual(codes(await house.operations.messageMark(platformCaller, { ...input, mark: "spam" })), [
      "COMMAND_REUSED",
    ]);
  });

  test("what is missing, deleted, foreign or in another mailbox is not found", async () => {
    const { verdict, mailbox } = await delivered();
    const mark = (reference: string, mailboxId?: string) =>
      house.operations.messageMark(platformCaller, { reference, mark: "spam", ...(mailboxId ? { mailboxId } : {}) });
    assert.deepEqual(codes(await mark(newId("verdict"))), ["NOT_FOUND"]);
    assert.deepEqual(codes(await mark("nonsense")), ["NOT_FOUND"]);
    assert.deepEqual(codes(await mark(verdict, newId("mailbox"))), ["NOT_FOUND"]);
    assert.deepEqual(codes(await mark(verdict, mailbox)), []);
    const foreign = { ...platformCaller, scope: { kind: "tenant", id: newId("tenant") } } as const;
    const refusedThere = await house.operations.messageMark(foreign, { reference: verdict, mark: "spam" });
    assert.deepEqual(codes(refusedThere), ["NOT_FOUND"]);
    house.world.copies.clear();
    assert.deepEqual(codes(await mark(verdict)), ["NOT_FOUND"], "deleted meanwhile");
  });

  test("goes to the tenant that has the copy, whosever the verdict is", async () => {
    const reseller = await house.operations.resellerCreate(platformCaller, { name: "ISP" });
    const resellerId = reseller.value?.resellerId ?? "";
    const sending = await createTenantObjects(house.world, resellerId, "sending");
    const receiving = await createTenantObjects(house.world, resellerId, "receiving");
    await deliver({ ...receiving, verdict: sending.verdict }, resellerId);
    const outcome = await house.operations.messageMark(platformCaller, { reference: sending.verdict, mark: "spam" });
    assert.deepEqual(outcome.value?.mailboxIds, [receiving.mailbox]);
    const [mark] = await marks();
    assert.equal(mark?.metadata.tenantId, receiving.tenant);
    assert.ok(mark?.stream.includes(receiving.tenant), mark?.stream);
  });
});
