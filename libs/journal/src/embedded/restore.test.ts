import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readWholeStream } from "@mailfold/event-store";
import { mailCommit } from "../journal-contract.ts";
import { bodyOf, clock, codec, delivery, largeBytes, open, withData } from "./embedded-test-world.ts";
import { restoreBackup } from "./restore.ts";
import { verifyData } from "./verify.ts";

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
