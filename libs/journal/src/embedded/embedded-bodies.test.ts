import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { BodyCorrupt } from "@mailfold/blob-store";
import { readWholeStream } from "@mailfold/event-store";
import { journalEvent, mailCommit } from "../journal-contract.ts";
import {
  bodyOf,
  clock,
  dayMs,
  delivery,
  filesUnder,
  largeBytes,
  open,
  withData,
  withJournal,
} from "./embedded-test-world.ts";
import { verifyData } from "./verify.ts";

describe("embedded journal: bodies", () => {
  test("bodies of every size are read back whole and in ranges", () =>
    withJournal(async (journal) => {
      for (const sizeBytes of [0, 1, 4_096, 128 * 1024, 128 * 1024 + 1, 2_000_000]) {
        const body = bodyOf(sizeBytes);
        await journal.commit({ bodies: [body], appends: [delivery("mail-a", body.ref)] });
        assert.deepEqual(await journal.bodies.read(body.ref), body.bytes);
        for (const [start, end] of [
          [0, 10],
          [5, 5],
          [sizeBytes - 3, sizeBytes + 100],
          [sizeBytes, sizeBytes + 1],
        ]) {
          const from = Math.max(0, start ?? 0);
          assert.deepEqual(await journal.bodies.readRange(body.ref, from, end ?? 0), body.bytes.slice(from, end));
        }
      }
      const missing = bodyOf(10).ref;
      assert.equal(await journal.bodies.read(missing), undefined);
      assert.equal(await journal.bodies.readRange(missing, 0, 1), undefined);
    }));

  test("a tenant cannot read another's body by its hash", () =>
    withJournal(async (journal) => {
      const body = bodyOf(100, "ten_a");
      await journal.commit({ bodies: [body], appends: [delivery("mail-a", body.ref)] });
      assert.equal(await journal.bodies.read({ ...body.ref, tenantId: "ten_b" }), undefined);
    }));

  test("a commit that holds a body which is not stored is refused alone", () =>
    withJournal(async (journal) => {
      const body = bodyOf(10);
      const other = bodyOf(10);
      const holds = [{ stream: "mail-a", ref: body.ref }];
      const [bad, good] = await Promise.allSettled([
        journal.commit({ appends: [delivery("mail-a", body.ref)], holds }),
        journal.commit({ bodies: [other], appends: [delivery("mail-b", other.ref)] }),
      ]);
      assert.equal(bad.status, "rejected");
      assert.equal(good.status, "fulfilled");
      assert.equal((await readWholeStream(journal.events, "mail-a")).length, 0);
      assert.equal((await readWholeStream(journal.events, "mail-b")).length, 1);
    }));

  test("a large body sent twice, replayed or in conflict leaves one file or none", () =>
    withJournal(async (journal, dataDir) => {
      const body = bodyOf(largeBytes);
      const commit = { bodies: [body], appends: [delivery("mail-a", body.ref)] };
      await journal.commit(commit);
      await journal.commit(commit);
      await journal.commit({ bodies: [body], appends: [delivery("mail-b", body.ref)] });
      const conflicting = bodyOf(largeBytes);
      const append = { ...delivery("mail-b", conflicting.ref), expected: 7 } as const;
      assert.equal((await journal.commit({ bodies: [conflicting], appends: [append] })).ok, false);
      assert.equal(filesUnder(join(dataDir, "bodies")).length, 1);
    }));

  test("the index lies beside its body and goes with it", () =>
    withJournal(async (journal) => {
      const body = bodyOf(50);
      await assert.rejects(journal.bodies.writeIndex(body.ref, "{}"));
      await journal.bodies.write(body.ref, body.bytes);
      assert.equal(await journal.bodies.readIndex(body.ref), undefined);
      await journal.bodies.writeIndex(body.ref, '{"parts":1}');
      await journal.bodies.writeIndex(body.ref, '{"parts":2}');
      assert.equal(await journal.bodies.readIndex(body.ref), '{"parts":2}');
      await journal.bodies.free(0);
      assert.equal(await journal.bodies.readIndex(body.ref), undefined);
    }));

  test("bodies are freed after their grace period only, files included, and a new delivery saves one", () =>
    withJournal(async (journal, dataDir) => {
      const bodies = [bodyOf(1_000), bodyOf(largeBytes), bodyOf(2_000)];
      for (const body of bodies) await journal.bodies.write(body.ref, body.bytes);
      assert.equal((await journal.bodies.free(dayMs)).bodies, 0);
      clock.time += 2 * dayMs;
      const saved = bodies[2]!;
      await journal.commit({
        bodies: [saved],
        appends: [delivery("mail-a", saved.ref)],
        holds: [{ stream: "mail-a", ref: saved.ref }],
      });
      assert.deepEqual(await journal.bodies.free(dayMs), { bodies: 2, bytes: 1_000 + largeBytes });
      assert.deepEqual(await journal.bodies.read(saved.ref), saved.bytes);
      assert.deepEqual(filesUnder(join(dataDir, "bodies")), []);
    }));

  test("setHeld leaves alone what was delivered after the revision it was computed from", () =>
    withJournal(async (journal) => {
      const [early, late] = [bodyOf(10), bodyOf(20)];
      for (const { ref, bytes } of [early, late]) {
        await journal.commit({
          bodies: [{ ref, bytes }],
          appends: [delivery("mail-a", ref)],
          holds: [{ stream: "mail-a", ref }],
        });
      }
      // The mailbox's fold at revision 0 knew no message any more; revision 1 came meanwhile.
      await journal.bodies.setHeld("mail-a", [], { upToRevision: 0 });
      await journal.bodies.free(0);
      assert.equal(await journal.bodies.read(early.ref), undefined);
      assert.deepEqual(await journal.bodies.read(late.ref), late.bytes);
    }));

  test("setHeld with a body that was freed long ago still releases the others", () =>
    withJournal(async (journal) => {
      const [gone, kept] = [bodyOf(50), bodyOf(60)];
      const holds = [{ stream: "mail-a", ref: kept.ref }];
      await journal.commit({ bodies: [kept], appends: [delivery("mail-a", kept.ref)], holds });
      await journal.bodies.setHeld("mail-a", [gone.ref], { upToRevision: 0 });
      clock.time += 1;
      assert.equal((await journal.bodies.free(0)).bodies, 1);
    }));

  test("streams that are deleted or expire let go of their bodies", () =>
    withJournal(async (journal) => {
      const at = Date.UTC(2026, 0, 1);
      const held = bodyOf(30);
      const event = { ...journalEvent("MessageHeld", {}), occurredAt: at };
      for (const stream of ["outbound-msg_1", "quarantine-ten_a.20260101"]) {
        const appends = [{ stream, expected: "any", events: [event] }] as const;
        await journal.commit({ bodies: [held], appends, holds: [{ stream, ref: held.ref }] });
      }
      await journal.commit(mailCommit(["a"]));
      await journal.events.expire("traffic", at + 10 * dayMs);
      assert.equal((await journal.bodies.free(-dayMs)).bodies, 0, "quarantine still holds it");
      await journal.events.expire("traffic", 0, { quarantine: at + 10 * dayMs });
      await journal.events.deleteStreams(["mail-a"]);
      clock.time = Math.max(clock.time, Date.now());
      assert.equal((await journal.bodies.free(-dayMs)).bodies, 2);
      assert.equal(await journal.bodies.read(held.ref), undefined);
    }));

  test("a body that was tampered with is never served, and verify names it", async () => {
    await withData(async (dataDir) => {
      const journal = await open(dataDir);
      const [small, large] = [bodyOf(500), bodyOf(largeBytes)];
      for (const { ref, bytes } of [small, large]) await journal.bodies.write(ref, bytes);
      const [file] = filesUnder(join(dataDir, "bodies"));
      const damaged = readFileSync(file!);
      damaged[77]! ^= 1;
      writeFileSync(file!, damaged);
      await assert.rejects(journal.bodies.read(large.ref), BodyCorrupt);
      await journal.close();
      const db = new DatabaseSync(join(dataDir, "log.db"));
      db.exec("UPDATE body_bytes SET bytes = zeroblob(500)");
      db.close();
      const { ok, problems } = await verifyData(dataDir);
      assert.equal(ok, false);
      assert.match(problems.join("\n"), new RegExp(`${small.ref.sha256} does not match`));
      assert.match(problems.join("\n"), new RegExp(`${large.ref.sha256} does not match`));
      const again = await open(dataDir);
      await assert.rejects(again.bodies.read(small.ref), BodyCorrupt);
      await again.close();
    });
  });
});
