import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type Position, type RecordedEvent, startOfLog, type VerdictId } from "@mailfold/kernel";
import { emptyPolicy, type Facts, SegmentBuilder, segmentRowsMax } from "@mailfold/policy";
import { FactFileBroken, FactFiles } from "./fact-files.ts";
import { FactTable } from "./fact-table.ts";
import { PolicyOfLog, runSimulation } from "./run-simulation.ts";

const facts: Facts = {
  at: 1_000,
  listener: "mx",
  ip: "192.0.2.7",
  tls: true,
  sender: { address: "joe@ext.example", form: "plain" },
  recipient: { address: "u@elsewhere.example", form: "plain", found: { kind: "foreign" }, acceptedBefore: 0 },
  senderOwner: null,
};
const position = (number: number) => String(number).padStart(16, "0") as Position;

/** A log of refusals in memory. */
class RefusalLog {
  events: RecordedEvent[] = [];
  floorAt = startOfLog;
  epochName = "epoch-1";
  read = 0;
  /** Called once, before the next event is read. */
  beforeNext: (() => void) | undefined;

  add(count: number): void {
    for (let n = 0; n < count; n += 1) {
      const number = this.events.length + 1;
      const verdictId = `vrd_${number}` as VerdictId;
      this.events.push({
        id: `event-${number}`,
        type: "VerdictRecorded",
        stream: "verdict-platform.20261124",
        revision: number - 1,
        position: position(number),
        occurredAt: facts.at,
        data: { verdictId, action: "reject", reason: "relay-denied", phase: "rcpt", facts },
        metadata: { actor: { type: "peer", id: "192.0.2.7" } },
      });
    }
  }

  async *readAll(
    options: { readonly after?: Position; readonly filter?: { readonly types?: readonly string[] } } = {},
  ) {
    for (const event of this.events) {
      if (event.position <= (options.after ?? startOfLog)) continue;
      if (options.filter?.types?.includes(event.type) !== true) continue;
      this.read += 1;
      this.beforeNext?.();
      this.beforeNext = undefined;
      yield event;
    }
  }
  epoch = async () => this.epochName;
  floor = async () => this.floorAt;
}

describe("table of facts", () => {
  let dir = "";
  let log = new RefusalLog();
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "mailfold-facts-"));
    log = new RefusalLog();
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const open = async () => {
    const table = await FactTable.open(dir, log as never);
    log.read = 0;
    await table.catchUp();
    return table;
  };
  const rowsOf = (table: FactTable) => table.files.reduce((sum, { rows }) => sum + rows, table.newest().rows);

  test("follows the log; a restart reads only what is in no file yet", async () => {
    log.add(segmentRowsMax + 5);
    const table = await open();
    assert.deepEqual([table.files.length, rowsOf(table)], [1, segmentRowsMax + 5]);
    log.add(2);
    await table.catchUp();
    assert.equal(rowsOf(table), segmentRowsMax + 7);
    const again = await open();
    assert.deepEqual([again.files.length, rowsOf(again), log.read], [1, segmentRowsMax + 7, 7]);
    const file = again.files[0] ?? assert.fail();
    assert.equal(again.segmentOf(file).verdictIds[0], "vrd_1");
    assert.deepEqual(again.marksOf(file), []);
  });

  test("whose file could not be written takes no more rows before it is", async () => {
    log.add(segmentRowsMax - 1);
    const table = await open();
    // Where the draft would be opened.
    const inTheWay = join(dir, "facts-00000001.seg.new");
    mkdirSync(inTheWay);
    log.add(3);
    await assert.rejects(table.catchUp(), { code: "EISDIR" });
    await assert.rejects(table.catchUp(), { code: "EISDIR" });
    assert.deepEqual([table.files.length, table.newest().rows], [0, segmentRowsMax]);
    rmSync(inTheWay, { recursive: true });
    await table.catchUp();
    const file = table.files[0] ?? assert.fail();
    assert.deepEqual([file.rows, table.segmentOf(file).rows, table.newest().rows], [segmentRowsMax, segmentRowsMax, 2]);
    assert.deepEqual([file.upTo, table.newest().verdictIds], [position(segmentRowsMax), ["vrd_32769", "vrd_32770"]]);
  });

  test("whose file turns out broken while the log is being read is made again without a gap", async () => {
    log.add(segmentRowsMax);
    const table = await open();
    const file = table.files[0] ?? assert.fail();
    log.add(4);
    let discards: readonly Promise<void>[] = [];
    // Two simulations find it between two events.
    log.beforeNext = () => {
      discards = [table.discard(file), table.discard(file)];
    };
    await table.catchUp();
    await Promise.all(discards);
    assert.equal(rowsOf(table), 0);
    await table.catchUp();
    assert.deepEqual([table.files.length, rowsOf(table), log.read], [1, segmentRowsMax + 4, 2 * segmentRowsMax + 8]);
  });

  test("whose file cannot be decoded fails one simulation, and is made again for the next", async () => {
    log.add(segmentRowsMax);
    const table = await open();
    const file = table.files[0] ?? assert.fail();
    const segment = table.segmentOf(file);
    await table.discard(file);
    const files = FactFiles.open(dir, { epoch: log.epochName, floor: startOfLog });
    files.append({ ...segment, rows: segment.rows + 3 }, file.upTo);
    const again = await open();
    assert.throws(() => again.segmentOf(again.files[0] ?? assert.fail()), FactFileBroken);
    const request = { place: { scope: { kind: "platform" }, path: {} }, from: 0, to: 2_000 } as const;
    const changes = [{ entryAdd: { list: "accept", pattern: "192.0.2.7" } }] as const;
    const policy = new PolicyOfLog(log as never);
    const { signal } = new AbortController();
    const tools = { table: again, policy, signal, deadlineMs: 60_000, progressed: () => undefined };
    await assert.rejects(runSimulation({ ...request, changes }, tools), FactFileBroken);
    const outcome = await runSimulation({ ...request, changes }, tools);
    assert.ok("result" in outcome && outcome.result.reachesData === segmentRowsMax);
  });

  test("stops at the deadline with what was looked at; what it had not yet taken in is missing too", async () => {
    log.add(segmentRowsMax + 5);
    const table = await open();
    const policy = new PolicyOfLog(log as never);
    const changes = [{ entryAdd: { list: "accept", pattern: "192.0.2.7" } }] as const;
    const request = { place: { scope: { kind: "platform" }, path: {} }, changes, from: 0, to: 2_000 } as const;
    const { signal } = new AbortController();
    const run = (deadlineMs: number, takesMs: number) => {
      const progressed = () => {
        for (const until = performance.now() + takesMs; performance.now() < until; );
      };
      return runSimulation(request, { table, policy, signal, deadlineMs, progressed });
    };
    const outcome = await run(1_000, 1_100);
    assert.ok("result" in outcome);
    assert.deepEqual([outcome.result.rows, outcome.stopped], [segmentRowsMax, true]);
    const whole = await run(60_000, 0);
    assert.ok("result" in whole);
    assert.deepEqual([whole.result.rows, whole.stopped], [segmentRowsMax + 5, undefined]);
    log.floor = () => new Promise(() => {});
    const late = await run(20, 0);
    assert.ok("result" in late);
    assert.deepEqual([late.result.rows, late.stopped], [0, true]);
  });

  test("tries changes as one of the log's moment, and tells how far it is", async () => {
    log.add(3);
    const table = await open();
    const policy = new PolicyOfLog(log as never);
    assert.deepEqual((await policy.current()).effective({}), emptyPolicy().effective({}));
    const told: unknown[] = [];
    const run = (signal: AbortSignal) =>
      runSimulation(
        {
          place: { scope: { kind: "platform" }, path: {} },
          changes: [{ entryAdd: { list: "accept", pattern: "192.0.2.7" } }],
          from: 0,
          to: 2_000,
        },
        { table, policy, signal, deadlineMs: 60_000, progressed: (progress) => told.push(progress) },
      );
    log.add(1);
    const outcome = await run(new AbortController().signal);
    assert.ok("result" in outcome);
    assert.deepEqual([outcome.result.rows, outcome.result.reachesData], [4, 4]);
    assert.deepEqual(told, [{ rows: 4, rowsTotal: 4 }]);
    assert.deepEqual(await run(AbortSignal.abort()), { cancelled: true });
  });
});

describe("files of facts", () => {
  let dir = "";
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "mailfold-facts-"));
    const files = FactFiles.open(dir, { epoch: "e", floor: startOfLog });
    for (let number = 1; number <= 3; number += 1) {
      const builder = new SegmentBuilder();
      const verdictId = `vrd_${number}` as VerdictId;
      builder.add({ verdictId, action: "reject", reason: "relay-denied", phase: "rcpt", facts });
      files.append(builder.seal(), position(number));
    }
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const reopened = (epoch = "e", floor = startOfLog) => FactFiles.open(dir, { epoch, floor });
  const path = (number: number) => join(dir, `facts-0000000${number}.seg`);

  test("are a chain: what does not join on is thrown away with all after it, and made again", () => {
    assert.deepEqual([reopened().all.length, reopened().checkpoint], [3, position(3)]);
    rmSync(path(2));
    assert.deepEqual([reopened().all.length, reopened().checkpoint], [1, position(1)]);
    assert.equal(readdirSync(dir).length, 1);
  });

  test("that are damaged, cut short or half written are not believed", () => {
    const bytes = readFileSync(path(3));
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    writeFileSync(path(3), bytes);
    assert.equal(reopened().all.length, 2);
    writeFileSync(path(2), readFileSync(path(2)).subarray(0, 100));
    writeFileSync(join(dir, "facts-00000004.seg.new"), "half");
    assert.equal(reopened().all.length, 1);
    assert.deepEqual(readdirSync(dir), ["facts-00000001.seg"]);
    writeFileSync(path(1), "nothing");
    assert.equal(reopened().all.length, 0);
  });

  test("go when their traffic has expired, but for the last", () => {
    const files = reopened();
    files.expire(position(2));
    assert.deepEqual(
      files.all.map(({ number }) => number),
      [2, 3],
    );
    files.expire(position(9));
    assert.deepEqual([files.all.length, files.checkpoint, readdirSync(dir).length], [1, position(3), 1]);
  });

  test("of another log are made again; those before the floor may be missing", () => {
    rmSync(path(1));
    assert.equal(reopened("e", position(1)).all.length, 2);
    assert.equal(reopened("e", startOfLog).all.length, 0);
    assert.equal(reopened("other").all.length, 0);
  });
});
