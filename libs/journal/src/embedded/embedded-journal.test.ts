import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { EventStoreFault } from "@mailfold/event-store";
import { journalContract } from "../journal-contract.ts";
import { acquireDataLock } from "./data-lock.ts";
import { openEmbeddedJournal } from "./embedded-journal.ts";
import { clock, codec, open, temporary, withData } from "./embedded-test-world.ts";
import { restoreBackup } from "./restore.ts";
import { verifyData } from "./verify.ts";

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
