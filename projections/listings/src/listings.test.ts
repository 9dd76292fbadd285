import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SenderListed } from "@mailfold/domain";
import type { Position, RecordedEvent, ResellerId, TenantId } from "@mailfold/kernel";
import { MemoryRows, projectionEqualsRebuild } from "@mailfold/read-store";
import fc from "fast-check";
import { evidenceOf, listingChangeOf, listingOf, pardonOf } from "./listing-rows.ts";
import { listings } from "./listings.ts";

const position = (number: number) => String(number).padStart(16, "0") as Position;
let count = 0;
type Scope = SenderListed["data"]["scope"];
const platform: Scope = { kind: "platform" };
const acme: Scope = { kind: "tenant", id: "ten_1" as TenantId };
const subject = { kind: "ip", value: "192.0.2.1" } as const;

function event(type: string, data: object, stream: string, tenant: string | undefined = "ten_1"): RecordedEvent {
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
      ...(tenant === undefined ? {} : { tenantId: tenant as TenantId, resellerId: "rsl_1" as ResellerId }),
      actor: { type: "tenant", id: "tok_1" },
    },
  };
}
const share = { lowerBound: 0.6, mail: 12.5, spam: 9.5 };
const listed = (listingId: string, more: object = {}, scope: Scope = acme) =>
  event(
    "SenderListed",
    {
      listingId,
      scope,
      subject,
      change: "new",
      action: "defer",
      score: 5.5,
      threshold: 5,
      share,
      at: 7,
      listedAt: 7,
      halfLifeMs: 604_800_000,
      expiresAt: 900,
      evidence: ["evt-2", "evt-1"],
      evidenceTotal: 3,
      tenants: 1,
      ...more,
    },
    "listing-x.y",
    scope.kind === "tenant" ? scope.id : undefined,
  );
const delisted = (listingId: string, cause = "decayed") =>
  event(
    "SenderDelisted",
    { listingId, scope: acme, subject, cause, score: 2, share, at: 80, listedAt: 7 },
    "listing-x.y",
  );
const pardoned = (pardonId: string, more: object = {}) =>
  event("SenderPardoned", { pardonId, scope: acme, subject, until: 5_000, voided: ["evt-1"], ...more }, "pardon-x.y");
const lifted = (pardonId: string) => event("PardonLifted", { pardonId, scope: acme, subject }, "pardon-x.y");
const marked = (mark: "spam" | "notSpam", more: object = { verdictId: "vrd_1" }) =>
  event(
    "MessageMarked",
    { mailboxId: "mbx_1", messageKey: "vrd_1", body: {}, mark, by: "move", ...more },
    "mark-ten_1.1",
  );
const flagged = (flags: readonly string[], firstRead?: readonly string[]) =>
  event("FlagsChanged", { flags, operation: "add", ...(firstRead === undefined ? {} : { firstRead }) }, "mail-mbx_2");
const verdict = (verdictId: string, more: object = {}, tenant = "ten_1") =>
  event(
    "VerdictRecorded",
    { verdictId, action: "reject", reason: "kill-listed", phase: "rcpt", decisiveLine: { step: "lists" }, ...more },
    "verdict-ten_1.20260101",
    tenant,
  );
const stopped = (verdictId: string, byEvent: string, setAtScope = "ten_1", tenant = "ten_1") =>
  verdict(verdictId, { reason: "learned-ip", decisiveLine: { step: "learned-list", byEvent, setAtScope } }, tenant);

function rowsOf(...events: readonly RecordedEvent[]) {
  const rows = new MemoryRows([listings]);
  for (const each of events) rows.append(each);
  return rows;
}
const one = (rows: MemoryRows, listingId: string) =>
  listingOf(rows.get(listings, "listings", { listingId }) ?? assert.fail(`no row ${listingId}`));
const all = (rows: MemoryRows, table: string, where = {}) =>
  rows.select(listings, table, { where, orderBy: ["position"], limit: 100 });

describe("listings", () => {
  test("a listing is what was told of it last, until it ends; its history stays", () => {
    count = 0;
    const rows = rowsOf(
      listed("lst_1"),
      listed("lst_1", { change: "raised", action: "reject", score: 11, threshold: 10 }),
    );
    const now = one(rows, "lst_1");
    assert.deepEqual([now.action, now.score, now.threshold, now.byEvent], ["reject", 11, 10, "evt-2"]);
    assert.deepEqual(
      [now.scope, now.subject, now.share, now.tenantId, now.resellerId],
      [acme, subject, share, "ten_1", "rsl_1"],
    );
    assert.deepEqual([now.evidence, now.evidenceTotal, now.ended], [["evt-2", "evt-1"], 3, undefined]);
    rows.append(delisted("lst_1"));
    rows.append(delisted("lst_1", "pardoned"));
    assert.deepEqual(one(rows, "lst_1").ended, { at: 80, cause: "decayed" }, "the first end counts");
    const changes = all(rows, "changes", { listingId: "lst_1" }).map(listingChangeOf);
    assert.deepEqual(
      changes.map(({ change, action, eventId }) => [change, action, eventId]),
      [
        ["new", "defer", "evt-1"],
        ["raised", "reject", "evt-2"],
        ["delisted", null, "evt-3"],
        ["delisted", null, "evt-4"],
      ],
    );
    assert.equal(one(rowsOf(listed("lst_2", {}, platform)), "lst_2").scope.kind, "platform");
  });

  test("an erased subject leaves the listing without one", () => {
    count = 0;
    const rows = rowsOf(listed("lst_1", { subject: null }), pardoned("prd_1", { subject: null }));
    assert.equal(one(rows, "lst_1").subject, null);
    assert.equal(pardonOf(rows.get(listings, "pardons", { pardonId: "prd_1" }) ?? {}).subject, null);
  });

  test("pardons: a new one takes the place of the former, one that is lifted says by whom", () => {
    count = 0;
    const rows = rowsOf(pardoned("prd_1", { reason: "our supplier" }), pardoned("prd_2"));
    const pardon = (pardonId: string) => pardonOf(rows.get(listings, "pardons", { pardonId }) ?? assert.fail());
    assert.deepEqual([pardon("prd_1").current, pardon("prd_2").current], [false, true]);
    assert.deepEqual(
      [pardon("prd_1").reason, pardon("prd_1").voided, pardon("prd_1").grantedBy],
      ["our supplier", ["evt-1"], "tok_1"],
    );
    rows.append(lifted("prd_2"));
    assert.deepEqual(pardon("prd_2").lifted, { at: 30, by: "tok_1" });
    assert.equal(pardon("prd_1").lifted, undefined);
  });

  test("what may be evidence is kept in a few words, and nothing else", () => {
    count = 0;
    const rows = rowsOf(
      marked("spam"),
      marked("notSpam"),
      marked("spam", {}),
      verdict("vrd_1", { reason: "spam-junk", phase: "data", action: "junk" }),
      verdict("vrd_2", { reason: "spam-tagged", phase: "data", action: "accept" }),
      verdict("vrd_3", { reason: "recipient-unknown" }),
      verdict("vrd_4", { reason: "recipient-spam-trap" }),
      verdict("vrd_5", { reason: "accepted", phase: "data", action: "accept" }),
      verdict("vrd_6", { reason: "kill-listed" }),
      stopped("vrd_7", "evt-1"),
      flagged(["\\Seen"], ["vrd_5", "vrd_6"]),
      flagged(["\\Answered"], ["vrd_5"]),
      flagged(["\\Flagged"]),
    );
    assert.deepEqual(
      all(rows, "evidence")
        .map(evidenceOf)
        .map(({ kind, verdictId, mailboxId, count: mails }) => [kind, verdictId, mailboxId, mails]),
      [
        ["userSpam", "vrd_1", "mbx_1", 1],
        ["userNotSpam", "vrd_1", "mbx_1", 1],
        ["contentSpam", "vrd_1", undefined, 1],
        ["contentSpam", "vrd_2", undefined, 1],
        ["unknownRecipient", "vrd_3", undefined, 1],
        ["trap", "vrd_4", undefined, 1],
        ["read", "vrd_5", "mbx_2", 2],
        ["replied", "vrd_5", "mbx_2", 1],
      ],
    );
  });

  test("what a listing stopped is found by its event; the platform's, by whose mail it was, too", () => {
    count = 0;
    const rows = rowsOf(
      stopped("vrd_1", "evt-90"),
      stopped("vrd_2", "evt-91", "platform"),
      stopped("vrd_3", "evt-91", "platform"),
      stopped("vrd_4", "evt-91", "platform", "ten_2"),
      verdict("vrd_5", { reason: "learned-ip", decisiveLine: { step: "learned-list" } }),
    );
    assert.deepEqual(
      all(rows, "blocked", { byEvent: "evt-91" }).map((row) => row.verdictId),
      ["vrd_2", "vrd_3", "vrd_4"],
    );
    assert.deepEqual(
      all(rows, "concerns").map((row) => [row.tenantId, row.byEvent, row.position]),
      [
        ["ten_1", "evt-91", position(3)],
        ["ten_2", "evt-91", position(4)],
      ],
    );
  });

  test("live equals rebuild for any history, traffic expiring under way", () => {
    const id = fc.constantFrom("1", "2", "3");
    const reason = fc.constantFrom("recipient-unknown", "spam-junk", "kill-listed");
    const make = fc.oneof(
      fc.tuple(id, fc.constantFrom(acme, platform), fc.double({ noNaN: true, min: 0, max: 40 })).map(
        ([a, scope, score]) =>
          () =>
            listed(`lst_${a}`, { score: score + 0 }, scope),
      ),
      id.map((a) => () => delisted(`lst_${a}`)),
      id.map((a) => () => pardoned(`prd_${a}`)),
      id.map((a) => () => lifted(`prd_${a}`)),
      fc.constantFrom("spam" as const, "notSpam" as const).map((mark) => () => marked(mark)),
      id.map((a) => () => flagged(["\\Seen"], [`vrd_${a}`])),
      fc.tuple(id, reason).map(
        ([a, name]) =>
          () =>
            verdict(`vrd_${a}`, { reason: name, phase: "data" }),
      ),
      fc.tuple(id, id, fc.constantFrom("ten_1", "platform"), id).map(
        ([a, by, scope, tenant]) =>
          () =>
            stopped(`vrd_${a}`, `evt-${by}`, scope, `ten_${tenant}`),
      ),
    );
    fc.assert(
      fc.property(fc.array(make, { minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(), (makers, at, below) => {
        count = 0;
        const history = makers.map((maker) => maker());
        const afterEvents = 1 + (at % history.length);
        projectionEqualsRebuild(listings, history, {
          floors: [{ afterEvents, floor: position(1 + (below % afterEvents)) }],
          batchSizes: [2, 7],
        });
      }),
      { numRuns: 60 },
    );
  });
});
