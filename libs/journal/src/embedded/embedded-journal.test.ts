import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { BodyCorrupt } from "@mailfold/blob-store";
import { EventStoreFault, readWholeStream } from "@mailfold/event-store";
import type { BodyRef, EventCodec } from "@mailfold/events";
import { journalContract, journalEvent, mailCommit } from "../journal-contract.ts";
import type { CommitBody } from "../port.ts";
import { acquireDataLock } from "./data-lock.ts";
import type { EmbeddedJournal } from "./embedded-journal.ts";
import { openEmbeddedJournal } from "./embedded-journal.ts";
import { restoreBackup } from "./restore.ts";
import { verifyData } from "./verify.ts";

const codec: EventCodec = {
  encode: (_stream, { id, type, occurredAt, data, metadata }) => ({
    id,
    wireType: `${type}.v1`,
    occurredAt,
    data: JSON.stringify(data),
    metadata: JSON.stringify(metadata),
  }),
  decode: ({ wireType, data, metadata, ...rest }) => ({
    ...rest,
    type: wireType.slice(0, -3),
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
  }),
  wireTypes: (types) => types.map((type) => `${type}.v1`),
  nameOf: (wireType) => wireType.slice(0, -3),
};
const clock = { time: Date.UTC(2026, 10, 24), now: () => clock.time };
const dayMs = 86_400_000;
const largeBytes = 300_000;

const temporary = (): string => mkdtempSync(join(tmpdir(), "mailfold-journal-"));
const open = (dataDir: string): Promise<EmbeddedJournal> => openEmbeddedJournal({ dataDir, codec, clock });

function bodyOf(sizeBytes: number, tenantId = "ten_a"): CommitBody {
  const bytes = new Uint8Array(randomBytes(sizeBytes));
  return { ref: { tenantId, sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes }, bytes };
}

const delivery = (stream: string, body: BodyRef) =>
  ({ stream, expected: "any", events: [journalEvent("MessageDelivered", { body })] }) as const;

async function withData(work: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = temporary();
  try {
    await work(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function withJournal(work: (journal: EmbeddedJournal, dataDir: string) => Promise<void>): Promise<void> {
  await withData(async (dataDir) => {
    const journal = await open(dataDir);
    try {
      await work(journal, dataDir);
    } finally {
      await journal.close();
    }
    // Consistent after every test, whatever it did.
    const { problems } = await verifyData(dataDir);
    assert.deepEqual(problems, []);
  });
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

journalContract(
  "embedded",
  async () => {
    const dataDir = temporary();
    const journal = await open(dataDir);
    return {
      journal,
      settle: async () => {},
      close: async () => {
        await journal.close();
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  },
  { expectsAcrossStreams: true, conflictLeavesNoBody: true },
);

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

describe("embedded journal: data directory", () => {
  test("a second owner is refused in one clear line, and the lock goes with its owner", () =>
    withData(async (dataDir) => {
      const journal = await open(dataDir);
      await assert.rejects(
        open(dataDir),
        (error) =>
          error instanceof EventStoreFault && error.kind === "unavailable" && /in use by another/.test(error.message),
      );
      await assert.rejects(verifyData(dataDir), /in use by another/);
      await assert.rejects(restoreBackup({ from: dataDir, dataDir, clock, codec }), EventStoreFault);
      await journal.close();
      const lock = acquireDataLock(dataDir);
      const withLock = await openEmbeddedJournal({ dataDir, codec, clock, lock });
      await withLock.close();
      assert.throws(() => acquireDataLock(dataDir), /in use by another/);
      lock.release();
      acquireDataLock(dataDir).release();
    }));

  test("a data directory that is a file is refused clearly", () =>
    withData(async (directory) => {
      const path = join(directory, "file");
      writeFileSync(path, "x");
      await assert.rejects(open(path), (error) => error instanceof EventStoreFault && error.message.includes(path));
    }));
});

describe("backup and restore", () => {
  test("a backup made while mail flows is whole, and a restore starts a new epoch with it", () =>
    withData(async (root) => {
      const dataDir = join(root, "data");
      const target = join(root, "backup");
      mkdirSync(join(dataDir, "keys"), { recursive: true });
      writeFileSync(join(dataDir, "keys", "root"), "secret");
      const journal = await open(dataDir);
      let flowing = true;
      const large = bodyOf(largeBytes);
      await journal.commit({
        bodies: [large],
        appends: [delivery("mail-large", large.ref)],
        holds: [{ stream: "mail-large", ref: large.ref }],
      });
      const flow = (async () => {
        while (flowing) {
          const commit = mailCommit(["a", "b"]);
          assert.ok((await journal.commit(commit)).ok);
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 20));
      const manifest = await journal.backup(target);
      assert.deepEqual([manifest.bodyFiles, manifest.keyFiles], [1, 1]);
      await assert.rejects(journal.backup(target), /not empty/);
      flowing = false;
      await flow;
      assert.ok((await journal.events.head()) > manifest.head, "mail flowed on");
      const oldEpoch = await journal.events.epoch();
      const oldHead = await journal.events.head();
      const before = (await readWholeStream(journal.events, "mail-a")).map(({ id }) => id);
      await journal.close();
      const checked = await verifyData(target);
      assert.deepEqual([checked.ok, checked.problems], [true, []]);

      writeFileSync(join(dataDir, "views.db"), "derived");
      writeFileSync(join(dataDir, "keys", "root"), "another secret");
      const restored = await restoreBackup({ from: target, dataDir, clock, codec });
      assert.ok(existsSync(join(restored.replaced!, "log.db")));
      assert.equal(existsSync(join(dataDir, "views.db")), false);
      assert.equal(readFileSync(join(dataDir, "keys", "root"), "utf8"), "secret");
      const again = await open(dataDir);
      assert.equal(await again.events.epoch(), restored.epoch);
      assert.notEqual(restored.epoch, oldEpoch);
      const [created, restoredEvent] = await readWholeStream(again.events, "platform-log");
      assert.equal(created?.type, "LogCreated");
      assert.deepEqual(restoredEvent?.data, { epoch: restored.epoch, at: restored.at });
      assert.ok(restoredEvent!.position > oldHead, "no position of the lost history is used again");
      const after = (await readWholeStream(again.events, "mail-a")).map(({ id }) => id);
      assert.deepEqual(after, before.slice(0, after.length));
      assert.ok(after.length > 0);
      assert.deepEqual(await again.bodies.read(large.ref), large.bytes);
      assert.ok((await again.commit(mailCommit(["a"]))).ok);
      await again.close();
      const final = await verifyData(dataDir);
      assert.deepEqual(final.problems, []);

      const second = await restoreBackup({ from: target, dataDir, clock, codec });
      assert.ok(second.at >= restored.at + 1_000, "each restore is at least a second later than the one before");
    }));

  test("an incomplete or altered backup is refused, and the data stay as they are", () =>
    withData(async (root) => {
      const dataDir = join(root, "data");
      const target = join(root, "backup");
      const journal = await open(dataDir);
      await journal.commit(mailCommit(["a"]));
      await journal.backup(target);
      await journal.close();
      const log = readFileSync(join(target, "log.db"));
      const head = readFileSync(join(dataDir, "log.db"));
      log[5_000]! ^= 1;
      writeFileSync(join(target, "log.db"), log);
      await assert.rejects(restoreBackup({ from: target, dataDir, clock, codec }), /does not match the hash/);
      rmSync(join(target, "manifest.json"));
      await assert.rejects(restoreBackup({ from: target, dataDir, clock, codec }), /no complete backup/);
      assert.deepEqual(readFileSync(join(dataDir, "log.db")), head);
    }));

  test("a restore that was interrupted is refused at start and completed by running it again", () =>
    withData(async (root) => {
      const dataDir = join(root, "data");
      const target = join(root, "backup");
      const journal = await open(dataDir);
      await journal.commit(mailCommit(["a"]));
      await journal.backup(target);
      await journal.close();
      writeFileSync(join(dataDir, "restore.pending"), "");
      rmSync(join(dataDir, "log.db"));
      await assert.rejects(open(dataDir), /half restored/);
      await restoreBackup({ from: target, dataDir, clock, codec });
      const again = await open(dataDir);
      assert.equal((await readWholeStream(again.events, "mail-a")).length, 1);
      await again.close();
    }));
});
