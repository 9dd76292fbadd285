import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { readWholeStream } from "@mailfold/event-store";
import type { BodyRef } from "@mailfold/events";
import type { NewEvent } from "@mailfold/kernel";
import type { Commit, Journal } from "./port.ts";

/** A journal under test. */
export interface JournalHarness {
  readonly journal: Journal;
  /** Resolves when everything accepted has reached its streams. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What an adapter offers beyond the common promise. */
export interface JournalAbilities {
  /** Several streams in one commit may expect revisions. */
  readonly expectsAcrossStreams: boolean;
  /** A commit that conflicts leaves no trace of its bodies. */
  readonly conflictLeavesNoBody: boolean;
}

/** A body of random bytes and its reference. */
export function contractBody(
  sizeBytes = 200,
  tenantId = "ten_a",
): { readonly ref: BodyRef; readonly bytes: Uint8Array } {
  const bytes = randomBytes(sizeBytes);
  return { ref: { tenantId, sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes }, bytes };
}

/** An event for tests of journals. */
export function journalEvent(type: string, data: unknown): NewEvent {
  const metadata = { actor: { type: "system", id: "contract" } } as const;
  return { id: randomUUID(), type, data, metadata, occurredAt: Date.UTC(2026, 10, 24) };
}

/** One mail to several mailboxes, as the SMTP edge commits it. */
export function mailCommit(
  mailboxes: readonly string[],
  body = contractBody(),
): Commit & { readonly transactionId: string } {
  const transactionId = `msg_${randomUUID().replaceAll("-", "").slice(0, 26)}`;
  const deliveries = mailboxes.map((id) => ({
    stream: `mail-${id}`,
    expected: "any" as const,
    events: [journalEvent("MessageDelivered", { deliveryId: randomUUID(), body: body.ref, transactionId })],
  }));
  const verdict = {
    stream: "verdict-ten_a.20261124",
    expected: "any" as const,
    events: mailboxes.map((mailboxId) => journalEvent("VerdictRecorded", { transactionId, mailboxId })),
  };
  const holds = deliveries.map(({ stream }) => ({ stream, ref: body.ref }));
  return { transactionId, bodies: [body], appends: [...deliveries, verdict], holds };
}

async function idsIn(journal: Journal, stream: string): Promise<string[]> {
  return (await readWholeStream(journal.events, stream)).map(({ id }) => id);
}

/** What every adapter of the journal promises, as tests. */
export function journalContract(name: string, make: () => Promise<JournalHarness>, can: JournalAbilities): void {
  async function withJournal(work: (journal: Journal, settle: () => Promise<void>) => Promise<void>): Promise<void> {
    const harness = await make();
    try {
      await work(harness.journal, harness.settle);
    } finally {
      await harness.close();
    }
  }

  describe(`journal: ${name}`, () => {
    test("one stream: body and event are there when the commit is answered", () =>
      withJournal(async (journal) => {
        const body = contractBody();
        const event = journalEvent("MessageDelivered", { deliveryId: randomUUID(), body: body.ref });
        const result = await journal.commit({
          bodies: [body, body],
          appends: [{ stream: "mail-a", expected: "any", events: [event] }],
          holds: [{ stream: "mail-a", ref: body.ref }],
        });
        assert.ok(result.ok);
        assert.deepEqual(result.revisions, [0]);
        assert.deepEqual(await idsIn(journal, "mail-a"), [event.id]);
        assert.deepEqual(Buffer.from((await journal.bodies.read(body.ref)) ?? []), Buffer.from(body.bytes));
      }));

    test("a conflict is a value and writes no event", () =>
      withJournal(async (journal) => {
        const append = (expected: number | "none") =>
          ({ stream: "tenant-a", expected, events: [journalEvent("TenantCreated", {})] }) as const;
        assert.ok((await journal.commit({ appends: [append("none")] })).ok);
        const body = contractBody();
        const result = await journal.commit({ bodies: [body], appends: [append("none")] });
        assert.deepEqual(result, { ok: false, stream: "tenant-a", expected: "none", actual: 0 });
        assert.equal((await idsIn(journal, "tenant-a")).length, 1);
        if (can.conflictLeavesNoBody) assert.equal(await journal.bodies.read(body.ref), undefined);
      }));

    test("several streams: all get their events, in order, once, though the commit is repeated", () =>
      withJournal(async (journal, settle) => {
        const commits = Array.from({ length: 10 }, () => mailCommit(["a", "b", "c"]));
        for (const commit of commits) assert.ok((await journal.commit(commit)).ok);
        for (const commit of commits.slice(3, 6)) assert.ok((await journal.commit(commit)).ok);
        await settle();
        for (const [index, mailbox] of ["a", "b", "c"].entries()) {
          const wanted = commits.map(({ appends }) => appends[index]?.events[0]?.id);
          assert.deepEqual(await idsIn(journal, `mail-${mailbox}`), wanted);
        }
        const verdicts = commits.flatMap(({ appends }) => appends[3]?.events.map(({ id }) => id));
        assert.deepEqual(await idsIn(journal, "verdict-ten_a.20261124"), verdicts);
      }));

    test("several streams with expectations: all or nothing where offered, else refused before anything is written", () =>
      withJournal(async (journal) => {
        const appends = ["tenant-a", "domain-a"].map(
          (stream) => ({ stream, expected: "none", events: [journalEvent("Made", {})] }) as const,
        );
        const commit = { transactionId: "msg_expecting", appends };
        if (!can.expectsAcrossStreams) {
          await assert.rejects(async () => journal.commit(commit));
          assert.deepEqual(await idsIn(journal, "tenant-a"), []);
          return;
        }
        assert.ok((await journal.commit(commit)).ok);
        const half = appends.map(({ stream }, index) => ({
          stream,
          expected: index === 0 ? 0 : ("none" as const),
          events: [journalEvent("Made", {})],
        }));
        const result = await journal.commit({ transactionId: "msg_conflicting", appends: half });
        assert.equal(result.ok, false);
        assert.equal((await idsIn(journal, "tenant-a")).length, 1);
      }));

    test("a body stays as long as a stream holds it, and goes with the last", () =>
      withJournal(async (journal, settle) => {
        const body = contractBody();
        assert.ok((await journal.commit(mailCommit(["a", "b"], body))).ok);
        await journal.bodies.free(0);
        assert.ok(await journal.bodies.read(body.ref), "held from the moment of acceptance");
        await settle();
        await journal.bodies.setHeld("mail-a", []);
        await journal.bodies.free(0);
        assert.ok(await journal.bodies.read(body.ref));
        await journal.bodies.setHeld("mail-b", []);
        assert.equal((await journal.bodies.free(0)).bodies, 1);
        assert.equal(await journal.bodies.read(body.ref), undefined);
      }));
  });
}
