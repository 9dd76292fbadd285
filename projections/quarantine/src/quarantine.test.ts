import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HeldMessageSettled } from "@mailfold/events";
import type { Position, RecordedEvent, ResellerId, TenantId } from "@mailfold/kernel";
import { MemoryRows, projectionEqualsRebuild } from "@mailfold/read-store";
import fc from "fast-check";
import {
  type HeldWhere,
  type HoldKind,
  heldCopiesQuery,
  heldCopyOf,
  lapsedCopiesQuery,
  settledCopiesQuery,
  statusAt,
} from "./held-copies.ts";
import { quarantine } from "./quarantine.ts";

const position = (number: number) => String(number).padStart(16, "0") as Position;
let count = 0;
function event(type: string, data: { readonly holdId: string; readonly [key: string]: unknown }): RecordedEvent {
  count += 1;
  return {
    id: `evt-${count}`,
    type,
    stream: `quarantine-ten_1.${data.holdId}`,
    revision: count,
    position: position(count),
    occurredAt: count * 10,
    data,
    metadata: {
      tenantId: "ten_1" as TenantId,
      resellerId: "rsl_1" as ResellerId,
      actor: { type: "tenant", id: "tok_1" },
    },
  };
}
const held = (holdId: string, kind: HoldKind = "quarantined", more: Readonly<Record<string, unknown>> = {}) =>
  event("MessageHeld", {
    holdId,
    kind,
    transactionId: "msg_1",
    verdictId: "vrd_1",
    recipient: "bob@a.test",
    sender: "eve@spam.test",
    mailboxId: "mbx_1",
    body: { tenantId: "ten_1", sha256: "aa", sizeBytes: 3 },
    prefix: "",
    sizeBytes: 3,
    expiresAt: 1_000,
    facts: {},
    attempt: 0,
    ...more,
  });
const settled = (holdId: string, outcome: HeldMessageSettled["data"]["outcome"], more = {}) =>
  event("HeldMessageSettled", { holdId, outcome, ...more });

function rowsOf(...events: readonly RecordedEvent[]) {
  const rows = new MemoryRows([quarantine]);
  for (const each of events) rows.append(each);
  return rows;
}
const list = (rows: MemoryRows, where: HeldWhere, page: { at?: number; limit?: number; before?: Position } = {}) =>
  rows
    .select(quarantine, "holds", heldCopiesQuery(where, { at: 500, limit: 100, ...page }))
    .map((row) => heldCopyOf(row).holdId);
const one = (rows: MemoryRows, holdId: string) =>
  heldCopyOf(rows.get(quarantine, "holds", { holdId }) ?? assert.fail(`no row ${holdId}`));

describe("quarantine", () => {
  test("a copy is held until somebody or something ends it; the first end counts", () => {
    count = 0;
    const rows = rowsOf(held("h1", "quarantined", { subject: "Grüße", reason: "spam", score: 7.5 }), held("h2"));
    assert.deepEqual(list(rows, { status: "held" }), ["h2", "h1"], "newest first");
    rows.append(event("HeldMessageReleased", { holdId: "h1", mailboxId: "mbx_1" }));
    rows.append(event("HeldMessageDeleted", { holdId: "h1" }));
    rows.append(event("HeldMessageDeleted", { holdId: "h2" }));
    const [first, second] = [one(rows, "h1"), one(rows, "h2")];
    assert.deepEqual([first.status, first.settledAt, first.settledBy], ["released", 30, "tok_1"]);
    assert.deepEqual([first.subject, first.reason, first.score], ["Grüße", "spam", 7.5]);
    assert.equal(second.status, "deleted");
    assert.deepEqual(list(rows, { status: "held" }), []);
    const ended = rows.select(quarantine, "holds", settledCopiesQuery(40, 10)).map((row) => row.holdId);
    assert.deepEqual(ended, ["h2"]);
  });

  test("a copy that is judged again stays held, with its attempts, until the judge settles it", () => {
    count = 0;
    const rows = rowsOf(held("h1", "deferred", { judgeAgainAt: 50 }));
    rows.append(settled("h1", "deferred", { judgeAgainAt: 90, attempt: 1 }));
    assert.deepEqual([one(rows, "h1").status, one(rows, "h1").judgeAgainAt, one(rows, "h1").attempts], ["held", 90, 1]);
    rows.append(settled("h1", "delivered", { verdictId: "vrd_2" }));
    assert.deepEqual([one(rows, "h1").status, one(rows, "h1").judgeAgainAt], ["delivered", null]);
  });

  test("past its time a copy is expired without an event, but for deferred ones", () => {
    count = 0;
    const rows = rowsOf(held("h1"), held("h2", "deferred"), held("h3", "discarded", { expiresAt: 2_000 }));
    assert.deepEqual(list(rows, { status: "held" }, { at: 999 }), ["h3", "h2", "h1"]);
    assert.deepEqual(list(rows, { status: "held" }, { at: 1_000 }), ["h3", "h2"]);
    assert.deepEqual(
      ["h1", "h2", "h3"].map((id) => statusAt(one(rows, id), 1_000)),
      ["expired", "held", "held"],
    );
    const lapsed = (at: number) =>
      rows.select(quarantine, "holds", lapsedCopiesQuery(at, 10)).map((row) => String(row.holdId));
    assert.deepEqual([lapsed(999), lapsed(1_000), lapsed(9_999)], [[], ["h1"], ["h1", "h3"]]);
  });

  test("a list is narrowed by all that is asked for, and pages by position", () => {
    count = 0;
    const rows = rowsOf(
      held("h1", "quarantined", { domainId: "dom_1", subject: "Cheap WATCHES" }),
      held("h2", "discarded", { sender: "" }),
      held("h3", "quarantined", { mailboxId: "mbx_2", recipient: "carol@a.test", reason: "virus" }),
    );
    const cases: readonly (readonly [HeldWhere, readonly string[]])[] = [
      [{ domainId: "dom_1" }, ["h1"]],
      [{ mailboxId: "mbx_2" }, ["h3"]],
      [{ tenantId: "ten_2" }, []],
      [{ tenantId: "ten_1", kind: "discarded" }, ["h2"]],
      [{ sender: "" }, ["h2"]],
      [{ recipient: "carol@a.test" }, ["h3"]],
      [{ reason: "virus" }, ["h3"]],
      [{ from: 20, to: 20 }, ["h2"]],
      [{ text: "watches" }, ["h1"]],
      [{ text: "CAROL@" }, ["h3"]],
    ];
    for (const [where, found] of cases) assert.deepEqual(list(rows, where), found, JSON.stringify(where));
    assert.deepEqual(list(rows, {}, { limit: 2 }), ["h3", "h2"]);
    assert.deepEqual(list(rows, {}, { before: one(rows, "h2").position }), ["h1"]);
  });

  test("live equals rebuild for any history, traffic expiring under way", () => {
    const id = fc.constantFrom("h1", "h2", "h3");
    const kind = fc.constantFrom<HoldKind>("quarantined", "discarded", "deferred");
    const outcome = fc.constantFrom<HeldMessageSettled["data"]["outcome"]>(
      "delivered",
      "expired",
      "rejected",
      "deferred",
    );
    const make = fc.oneof(
      fc.tuple(id, kind, fc.double({ noNaN: true, min: -5, max: 50 })).map(
        ([a, b, score]) =>
          () =>
            held(a, b, { score: score + 0 }),
      ),
      fc.tuple(id, outcome, fc.nat()).map(
        ([a, end, attempt]) =>
          () =>
            settled(a, end, { attempt }),
      ),
      id.map((a) => () => event("HeldMessageReleased", { holdId: a, mailboxId: "mbx_1" })),
      id.map((a) => () => event("HeldMessageDeleted", { holdId: a })),
    );
    fc.assert(
      fc.property(fc.array(make, { minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(), (makers, at, below) => {
        count = 0;
        const history = makers.map((maker) => maker());
        const afterEvents = 1 + (at % history.length);
        projectionEqualsRebuild(quarantine, history, {
          floors: [{ afterEvents, floor: position(1 + (below % afterEvents)) }],
          batchSizes: [2, 7],
        });
      }),
      { numRuns: 60 },
    );
  });
});
