import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Position, RecordedEvent, TenantId } from "@mailfold/kernel";
import { MemoryRows, projectionEqualsRebuild } from "@mailfold/read-store";
import fc from "fast-check";
import { messageTrace } from "./message-trace.ts";

const position = (number: number) => String(number).padStart(16, "0") as Position;
let count = 0;
const event = (type: string, data: object, stream: string, correlationId?: string): RecordedEvent => {
  count += 1;
  return {
    id: `evt-${count}`,
    type,
    stream,
    revision: count,
    position: position(count),
    occurredAt: count * 10,
    data,
    metadata: {
      tenantId: "ten_1" as TenantId,
      actor: { type: "peer", id: "192.0.2.1" },
      ...(correlationId === undefined ? {} : { correlationId }),
    },
  };
};
const verdict = (verdictId: string, transactionId: string, more: object = {}) =>
  event(
    "VerdictRecorded",
    {
      verdictId,
      transactionId,
      action: "reject",
      code: 550,
      enhancedCode: "5.7.1",
      text: "refused",
      reason: "kill-list",
      phase: "rcpt",
      scope: "ten_1",
      engineVersion: 1,
      decisiveLine: { step: "lists" },
      facts: { ip: "192.0.2.1", sender: { address: "s@x.test" }, recipient: { address: "r@a.test" } },
      ...more,
    },
    "verdict-ten_1.20260101",
  );
const held = (holdId: string, transactionId: string) =>
  event(
    "MessageHeld",
    {
      holdId,
      kind: "deferred",
      transactionId,
      verdictId: "vrd_1",
      recipient: "r@a.test",
      sender: "s@x.test",
      mailboxId: "mbx_1",
      sizeBytes: 9,
      expiresAt: 99,
      judgeAgainAt: 50,
      attempt: 0,
      body: {},
      prefix: "",
      facts: {},
    },
    "quarantine-ten_1.20260101",
  );
const settled = (holdId: string, outcome: string, more: object = {}) =>
  event("HeldMessageSettled", { holdId, outcome, ...more }, "quarantine-ten_1.20260101");
const ended = (holdId: string, type: "HeldMessageReleased" | "HeldMessageDeleted") =>
  event(type, { holdId, mailboxId: "mbx_1" }, `quarantine-ten_1.${holdId}`);
const delivered = (transactionId?: string) =>
  event(
    "MessageDelivered",
    {
      deliveryId: "d",
      folder: { specialUse: "junk" },
      ...(transactionId === undefined ? {} : { transactionId, verdictId: "vrd_1" }),
    },
    "mail-mbx_1",
  );
const queued = (messageId: string, correlationId?: string) =>
  event("MessageQueued", { messageId, recipients: ["a@y.test", "b@y.test"] }, `outbound-${messageId}`, correlationId);
const attempted = (messageId: string) =>
  event(
    "DeliveryAttempted",
    {
      messageId,
      attempt: 1,
      host: "mx.y.test",
      tls: "none",
      results: [
        { recipient: "a@y.test", outcome: "delivered", code: 250, text: "ok" },
        { recipient: "b@y.test", outcome: "deferred", code: 451, enhancedCode: "4.2.0", text: "later" },
      ],
      nextAttemptAt: 777,
    },
    `outbound-${messageId}`,
  );
const finished = (messageId: string) =>
  event("OutboundFinished", { messageId, delivered: 1, failed: 1, bounce: "sent" }, `outbound-${messageId}`);
const flood = (...verdictIds: readonly string[]) =>
  event(
    "VerdictsRepeated",
    {
      prefix: "192.0.2.0/24",
      reason: "unknown-recipient",
      count: 40,
      from: 1,
      to: 2,
      samples: verdictIds.map((verdictId) => ({ verdictId, sender: "s@x.test", recipient: "n@a.test" })),
    },
    "verdict-ten_1.20260101",
  );

function traceOf(...events: readonly RecordedEvent[]) {
  const rows = new MemoryRows([messageTrace]);
  for (const each of events) rows.append(each);
  return rows;
}
const steps = (rows: MemoryRows, transactionId: string) =>
  rows
    .select(messageTrace, "steps", { where: { transactionId }, limit: 50 })
    .map(({ kind, recipient, outcome, code, nextAttemptAt }) => [kind, recipient, outcome, code, nextAttemptAt]);

describe("message trace", () => {
  test("a verdict is found by its reference, with what a person would ask", () => {
    const rows = traceOf(verdict("vrd_1", "msg_1", { subject: "hi", messageIdHeader: "<1@x>", sizeBytes: 5 }));
    const row = rows.get(messageTrace, "verdicts", { verdictId: "vrd_1" });
    assert.deepEqual(
      [row?.sender, row?.recipient, row?.ip, row?.action, row?.reason, row?.code, row?.subject, row?.messageId],
      ["s@x.test", "r@a.test", "192.0.2.1", "reject", "kill-list", 550, "hi", "<1@x>"],
    );
    assert.equal(row?.tenantId, "ten_1");
  });

  test("a verdict before any recipient, or with facts of another shape, still has its row", () => {
    const rows = traceOf(verdict("vrd_1", "msg_1", { facts: { sender: "odd", recipient: null } }));
    const row = rows.get(messageTrace, "verdicts", { verdictId: "vrd_1" });
    assert.deepEqual([row?.sender, row?.recipient, row?.ip], [null, null, null]);
  });

  test("steps of a transaction: deliveries, and each recipient's way out, the bounce included", () => {
    const rows = traceOf(
      delivered("msg_1"),
      delivered(),
      queued("msg_1"),
      attempted("msg_1"),
      finished("msg_1"),
      queued("msg_9", "msg_1"),
    );
    assert.deepEqual(steps(rows, "msg_1"), [
      ["delivered", null, "delivered", null, null],
      ["queued", "a@y.test", "queued", null, null],
      ["queued", "b@y.test", "queued", null, null],
      ["attempt", "a@y.test", "delivered", 250, null],
      ["attempt", "b@y.test", "deferred", 451, 777],
      ["finished", null, "sent", null, null],
      ["queued", "a@y.test", "queued", null, null],
      ["queued", "b@y.test", "queued", null, null],
    ]);
    const [first] = rows.select(messageTrace, "steps", { where: { transactionId: "msg_1" }, limit: 1 });
    assert.deepEqual([first?.mailboxId, first?.folder], ["mbx_1", "junk"]);
  });

  test("a held copy: judged again, then settled", () => {
    const rows = traceOf(held("hold-1", "msg_1"), settled("hold-1", "deferred", { judgeAgainAt: 60 }));
    const hold = () => rows.get(messageTrace, "holds", { holdId: "hold-1" });
    assert.deepEqual([hold()?.outcome, hold()?.judgeAgainAt], [null, 60]);
    rows.append(settled("hold-1", "delivered", { verdictId: "vrd_2" }));
    assert.deepEqual([hold()?.outcome, hold()?.judgeAgainAt, hold()?.settledVerdictId], ["delivered", null, "vrd_2"]);
    assert.deepEqual(steps(rows, "msg_1"), [["held", "r@a.test", "deferred", null, null]]);
  });

  test("a held copy that somebody released or deleted says so", () => {
    const rows = traceOf(held("hold-1", "msg_1"), held("hold-2", "msg_1"));
    rows.append(ended("hold-1", "HeldMessageReleased"));
    rows.append(ended("hold-2", "HeldMessageDeleted"));
    const outcomes = ["hold-1", "hold-2"].map((holdId) => rows.get(messageTrace, "holds", { holdId })?.outcome);
    assert.deepEqual(outcomes, ["released", "deleted"]);
  });

  test("a flood is one row, its samples' references lead to it", () => {
    const rows = traceOf(flood("vrd_7", "vrd_8"));
    const sample = rows.get(messageTrace, "flood_samples", { verdictId: "vrd_8" });
    const found = rows.get(messageTrace, "floods", { position: String(sample?.floodPosition) });
    assert.deepEqual([found?.count, found?.reason], [40, "unknown-recipient"]);
  });

  test("live equals rebuild for any history, traffic expiring under way", () => {
    const id = fc.constantFrom("1", "2", "3");
    const make = fc.oneof(
      fc.tuple(id, id).map(
        ([a, b]) =>
          () =>
            verdict(`vrd_${a}`, `msg_${b}`),
      ),
      fc.tuple(id, id).map(
        ([a, b]) =>
          () =>
            held(`hold-${a}`, `msg_${b}`),
      ),
      fc.tuple(id, fc.constantFrom("delivered", "expired", "deferred")).map(
        ([a, outcome]) =>
          () =>
            settled(`hold-${a}`, outcome),
      ),
      fc.tuple(id, fc.constantFrom("HeldMessageReleased" as const, "HeldMessageDeleted" as const)).map(
        ([a, type]) =>
          () =>
            ended(`hold-${a}`, type),
      ),
      id.map((a) => () => delivered(`msg_${a}`)),
      id.map((a) => () => queued(`msg_${a}`)),
      id.map((a) => () => attempted(`msg_${a}`)),
      id.map((a) => () => finished(`msg_${a}`)),
      fc.uniqueArray(id).map((ids) => () => flood(...ids.map((a) => `vrd_${a}`))),
    );
    fc.assert(
      fc.property(fc.array(make, { minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(), (makers, at, below) => {
        count = 0;
        const history = makers.map((maker) => maker());
        const afterEvents = 1 + (at % history.length);
        projectionEqualsRebuild(messageTrace, history, {
          floors: [{ afterEvents, floor: position(1 + (below % afterEvents)) }],
          batchSizes: [3, 1, 5],
        });
      }),
      { numRuns: 60 },
    );
  });
});
