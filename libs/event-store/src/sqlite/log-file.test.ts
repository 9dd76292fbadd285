import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { contractCodec, contractEvent } from "../event-store-contract.ts";
import { EventStoreFault, readWholeStream } from "../port.ts";
import type { SqliteEventStore } from "./sqlite-event-store.ts";
import { openSqliteEventStore } from "./sqlite-event-store.ts";
import { openSqliteLogReader } from "./sqlite-log-reader.ts";

const clock = { now: () => Date.UTC(2026, 10, 24) };
const opened: SqliteEventStore[] = [];
async function open(path: string, limits?: { waitingMax: number; waitingBytesMax: number }): Promise<SqliteEventStore> {
  const more = limits === undefined ? {} : { limits };
  const store = await openSqliteEventStore({ path, codec: contractCodec, clock, ...more });
  opened.push(store);
  return store;
}

async function withPath(work: (path: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "mailfold-file-"));
  try {
    await work(join(directory, "log.db"));
  } finally {
    for (const store of opened.splice(0)) await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function makeLog(path: string): Promise<void> {
  const store = await open(path);
  for (let n = 0; n < 40; n += 1) {
    const events = Array.from({ length: 20 }, () => contractEvent("Seen", { text: "x".repeat(200) }));
    await store.append({ stream: `mail-${n % 7}`, expected: "any", events });
  }
  await store.close();
}

const isFault =
  (kind: EventStoreFault["kind"], ...words: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof EventStoreFault &&
    error.kind === kind &&
    !error.message.includes("\n") &&
    words.every((word) => error.message.includes(word));

describe("a log file that cannot be trusted is refused at start, in one line that names it", () => {
  const damages: readonly (readonly [name: string, damage: (path: string) => void, says: string])[] = [
    ["empty", (path) => truncateSync(path, 0), "cut short"],
    ["cut within the first page", (path) => truncateSync(path, 1_000), ""],
    ["cut in the middle", (path) => truncateSync(path, 40_000), ""],
    ["cut by one byte", (path) => truncateSync(path, readFileSync(path).length - 1), ""],
    ["another kind of file", (path) => writeFileSync(path, "x".repeat(5_000)), "not a Mailfold log"],
    ["zeros in the middle", (path) => overwrite(path, 8_192, Buffer.alloc(4_096)), "damaged"],
    ["noise in the middle", (path) => overwrite(path, 8_192, Buffer.alloc(4_096, 0xa5)), "damaged"],
  ];
  for (const [name, damage, says] of damages) {
    test(name, () =>
      withPath(async (path) => {
        await makeLog(path);
        damage(path);
        const damaged = readFileSync(path);
        await assert.rejects(open(path), isFault("corrupt", path, says, "mailfold restore"));
        assert.deepEqual(readFileSync(path), damaged, "and is left as it was");
      }),
    );
  }

  test("another program's database", () =>
    withPath(async (path) => {
      const db = new DatabaseSync(path);
      db.exec("CREATE TABLE theirs (x)");
      db.close();
      const before = readFileSync(path);
      await assert.rejects(open(path), isFault("corrupt", path, "another program"));
      assert.deepEqual(readFileSync(path), before);
    }));

  test("a newer version's log", () =>
    withPath(async (path) => {
      await makeLog(path);
      const db = new DatabaseSync(path);
      db.exec("PRAGMA user_version = 99");
      db.close();
      await assert.rejects(open(path), isFault("corrupt", path, "newer"));
    }));

  test("a missing log whose write-ahead file is still there", () =>
    withPath(async (path) => {
      writeFileSync(`${path}-wal`, "left over");
      await assert.rejects(open(path), isFault("corrupt", path, "-wal"));
    }));

  test("a place that cannot be written", () =>
    withPath(async (path) => {
      writeFileSync(path, "");
      await assert.rejects(open(join(path, "log.db")), isFault("unavailable", path));
    }));
});

function overwrite(path: string, at: number, bytes: Buffer): void {
  const content = readFileSync(path);
  bytes.copy(content, at);
  writeFileSync(path, content);
}

/** A writer whose disk fails an fsync (SQLITE_IOERR_FSYNC), or that ends, when a request asks for it. */
const dyingDisk = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { runWriterThread } from ${JSON.stringify(new URL("./writer-loop.ts", import.meta.url).href)};
    runWriterThread(() => ({
      prepare() {},
      rolledBack() {},
      apply(payload) {
        if (payload === "exit") process.exit(7);
        throw Object.assign(new Error("disk I/O error"), { errcode: 1034 });
      },
    }));
  `)}`,
);

describe("sqlite log under pressure", () => {
  test("a full disk: appends are refused as unavailable, reads go on, and writing recovers", () =>
    withPath(async (path) => {
      const store = await open(path);
      await store.append({ stream: "tenant-a", expected: "none", events: [contractEvent("Seen")] });
      await store.writer.task("pagesMax", 1);
      const big = contractEvent("Seen", { text: "x".repeat(100_000) });
      const append = { stream: "tenant-a", expected: 0, events: [big] } as const;
      await assert.rejects(store.append(append), isFault("unavailable", path, "no space"));
      assert.equal((await readWholeStream(store, "tenant-a")).length, 1);
      await store.writer.task("pagesMax", 1_000_000);
      const result = await store.append(append);
      assert.equal(result.ok && result.revisions[0], 1);
      await store.close();
    }));

  test("more than may wait is refused as overloaded, at once, and the rest is written", () =>
    withPath(async (path) => {
      const store = await open(path, { waitingMax: 50, waitingBytesMax: 1_000_000 });
      const results = await Promise.allSettled(
        Array.from({ length: 80 }, () =>
          store.append({ stream: "mail-a", expected: "any", events: [contractEvent("Seen")] }),
        ),
      );
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 50);
      for (const result of results) {
        if (result.status === "rejected") assert.ok(isFault("overloaded")(result.reason));
      }
      const long = contractEvent("Seen", { text: "x".repeat(600_000) });
      const byBytes = await Promise.allSettled(
        ["a", "b"].map((key) => store.append({ stream: `mail-${key}`, expected: "any", events: [long] })),
      );
      assert.deepEqual(
        byBytes.map(({ status }) => status),
        ["fulfilled", "rejected"],
      );
      await store.close();
    }));

  test("a task that fails is its caller's matter; the writer goes on", () =>
    withPath(async (path) => {
      const store = await open(path);
      await assert.rejects(store.writer.task("no such task", 1), isFault("unavailable", "no such task"));
      await assert.rejects(store.backupTo(join(path, "nowhere")), EventStoreFault);
      assert.ok((await store.append({ stream: "mail-a", expected: "any", events: [contractEvent("Seen")] })).ok);
    }));

  test("an fsync error ends the log: everything is refused from then on, and the owner is told once", () =>
    withPath(async (path) => {
      const told: EventStoreFault[] = [];
      const onFatal = (fault: EventStoreFault): number => told.push(fault);
      const store = await openSqliteEventStore({ path, codec: contractCodec, clock, workerUrl: dyingDisk, onFatal });
      opened.push(store);
      const append = (extras?: { payload: string; bytes: [] }) =>
        store.appendWith({ stream: "mail-a", expected: "any", events: [contractEvent("Seen")] }, extras);
      assert.ok((await append()).ok);
      await assert.rejects(append({ payload: "die", bytes: [] }), isFault("fatal", path));
      await assert.rejects(append(), isFault("fatal", path));
      await assert.rejects(store.expire("traffic", clock.now()), isFault("fatal", path));
      assert.deepEqual(
        told.map(({ kind }) => kind),
        ["fatal"],
      );
      assert.equal((await readWholeStream(store, "mail-a")).length, 1, "what was acknowledged can still be read");
      await store.close();
      assert.equal(told.length, 1);
    }));

  test("a writer that ends unasked is the end of the log, too; one that was closed is not", () =>
    withPath(async (path) => {
      const told: EventStoreFault[] = [];
      const onFatal = (fault: EventStoreFault): number => told.push(fault);
      const store = await openSqliteEventStore({ path, codec: contractCodec, clock, workerUrl: dyingDisk, onFatal });
      opened.push(store);
      const events = [contractEvent("Seen")];
      await assert.rejects(
        store.appendWith({ stream: "mail-a", expected: "any", events }, { payload: "exit", bytes: [] }),
        isFault("fatal"),
      );
      assert.equal(told.length, 1);
      const closing = await openSqliteEventStore({ path: `${path}.2`, codec: contractCodec, clock, onFatal });
      await closing.close();
      assert.equal(told.length, 1);
    }));

  test("close waits for what was sent", () =>
    withPath(async (path) => {
      const store = await open(path);
      const sent = Array.from({ length: 30 }, () =>
        store.append({ stream: "mail-a", expected: "any", events: [contractEvent("Seen")] }),
      );
      await store.close();
      assert.equal((await Promise.all(sent)).filter(({ ok }) => ok).length, 30);
    }));

  test("a reader of its own sees commits within milliseconds, pages and subscription alike", () =>
    withPath(async (path) => {
      const store = await open(path);
      const reader = openSqliteLogReader(path, contractCodec);
      const controller = new AbortController();
      let appended = 0;
      for await (const message of reader.subscribe({ signal: controller.signal })) {
        if (message.type === "caughtUp") {
          appended = performance.now();
          void store.append({ stream: "verdict-p.20261124", expected: "any", events: [contractEvent("Live")] });
        }
        if (message.type === "event" && message.event.type === "Live") controller.abort();
      }
      assert.ok(performance.now() - appended < 1_000);
      assert.equal(await reader.head(), await store.head());
      assert.equal(await reader.epoch(), await store.epoch());
      const page = reader.readPage((await store.head()).replace(/.$/, "0") as never, { limit: 10 });
      assert.deepEqual([page.events.length, page.atHead], [2, true]);
      await reader.close();
      await store.close();
    }));
});
