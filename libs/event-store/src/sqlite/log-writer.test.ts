import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { GenerationMap } from "./generation-map.ts";
import { openLogForWriting } from "./log-file.ts";
import { expireBuckets } from "./log-tasks.ts";
import { LogWriter } from "./log-writer.ts";
import type { WriterAppend, WriterExtension, WriterOutcome } from "./writer-request.ts";
import { expectAny, expectNone } from "./writer-request.ts";

const dayMs = 86_400_000;
const start = Date.UTC(2026, 5, 1, 12);

async function withWriter(
  work: (writer: LogWriter, path: string) => void | Promise<void>,
  extension?: WriterExtension,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "mailfold-writer-"));
  const path = join(directory, "log.db");
  const db = openLogForWriting(path);
  try {
    await work(new LogWriter(db, path, extension), path);
  } finally {
    db.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const eventAt = (at = start, id: string = randomUUID()) => ({
  id,
  wireType: "Seen.v1",
  at,
  data: "{}",
  metadata: "{}",
});

function append(stream: string, expected: number, more: Partial<WriterAppend> = {}): WriterAppend {
  return { shelf: "record", stream, expected, events: [eventAt()], ...more };
}

function write(writer: LogWriter, ...appends: readonly WriterAppend[]): WriterOutcome {
  const [outcome] = writer.writeBatch([{ appends, payload: "", bytes: undefined }]);
  return outcome ?? assert.fail();
}

/** A writer's extension that refuses one payload, and counts. */
function refusing(word: string) {
  const seen = { applied: 0, rolledBack: 0 };
  const extension: WriterExtension = {
    prepare: (db) => db.exec("CREATE TABLE IF NOT EXISTS notes (text TEXT)"),
    apply: (payload) => {
      if (payload === word) throw new Error("unwanted");
      seen.applied += 1;
      return payload;
    },
    rolledBack: () => {
      seen.rolledBack += 1;
    },
    streamsDeleted: () => {},
    tableDropping: () => {},
  };
  return { extension, seen };
}

function failOnce(writer: LogWriter, statement: string, errcode: number): void {
  const { db } = writer;
  const exec = db.exec.bind(db);
  let failed = false;
  db.exec = (sql: string): void => {
    if (sql !== statement || failed) return exec(sql);
    failed = true;
    throw Object.assign(new Error("injected"), { errcode });
  };
}

describe("log writer", () => {
  test("one bad request of a batch fails alone", async () => {
    const { extension, seen } = refusing("bad");
    await withWriter((writer) => {
      const outcomes = writer.writeBatch([
        { appends: [append("tenant-a", expectNone)], payload: "good", bytes: undefined },
        { appends: [append("tenant-b", expectNone)], payload: "bad", bytes: undefined },
        { appends: [append("tenant-c", 5)], payload: "good", bytes: undefined },
        { appends: [append("tenant-a", 0)], payload: "", bytes: undefined },
      ]);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["written", "failed", "conflict", "written"],
      );
      assert.equal(seen.rolledBack, 1);
      assert.equal(write(writer, append("tenant-b", expectNone)).kind, "written", "its stream is as it was");
      assert.equal(write(writer, append("tenant-a", 1)).kind, "written");
    }, extension);
  });

  test("a failed fsync stops the writer for good; nothing of the batch is acknowledged", () =>
    withWriter((writer) => {
      assert.equal(write(writer, append("tenant-a", expectNone)).kind, "written");
      failOnce(writer, "COMMIT", 1_034); // SQLITE_IOERR_FSYNC
      for (const stream of ["tenant-a", "tenant-b"]) {
        const outcome = write(writer, append(stream, expectAny));
        assert.equal(outcome.kind === "failed" && outcome.fault.kind, "fatal");
      }
      assert.equal(writer.fatal?.kind, "fatal");
      assert.throws(() => writer.transact(() => 1), /input\/output error/);
    }));

  test("a full disk refuses the batch and leaves no trace; afterwards writing goes on", () =>
    withWriter((writer) => {
      const first = append("tenant-a", expectNone);
      write(writer, first);
      failOnce(writer, "COMMIT", 13); // SQLITE_FULL
      const retried = append("mail-a", expectAny, { shelf: "mail" });
      const refused = write(writer, append("tenant-a", 0), retried);
      assert.equal(refused.kind === "failed" && refused.fault.kind, "unavailable");
      assert.equal(writer.head, 1);
      const again = write(writer, retried);
      assert.equal(again.kind === "written" && again.replayed, false, "an id that was rolled back is not remembered");
      assert.equal(write(writer, append("tenant-a", 0)).kind, "written");
      const replay = write(writer, first);
      assert.equal(replay.kind === "written" && replay.replayed, true);
    }));

  test("a commit over several streams is recognised by its places, long after its ids are forgotten", () =>
    withWriter((writer, path) => {
      const mail = append("mail-a", expectAny, { shelf: "mail", events: [eventAt(), eventAt()] });
      const verdict = append("verdict-p.20260601", expectAny, { shelf: "traffic" });
      const commit = [mail, append("tenant-a", expectNone), verdict];
      const first = write(writer, ...commit);
      // More mail than the ids that a restarted writer looks back on.
      const others = Array.from({ length: 1_000 }, () => eventAt());
      for (let n = 0; n < 6; n += 1) {
        const events = others.map((event) => ({ ...event, id: randomUUID() }));
        for (const [stream, shelf] of [
          ["mail-b", "mail"],
          ["tenant-b", "record"],
          ["verdict-p.20260602", "traffic"],
        ] as const) {
          write(writer, append(stream, expectAny, { shelf, events }));
        }
      }
      const restarted = new LogWriter(writer.db, path);
      assert.deepEqual(write(restarted, ...commit), { ...first, replayed: true });
      const partly = write(
        restarted,
        append("mail-a", expectAny, { shelf: "mail" }),
        append("tenant-a", expectNone, commit[1]),
      );
      assert.equal(partly.kind, "conflict", "other events beside a replay are no replay");
    }));

  test("days of traffic lie in tables of their own; a late event joins today's, expiry drops the past", () =>
    withWriter(async (writer) => {
      const verdict = (day: number): WriterAppend =>
        append(`verdict-p.${day}`, expectAny, { shelf: "traffic", events: [eventAt(start + day * dayMs)] });
      for (const day of [0, 0, 1, 2, 0, 3]) write(writer, verdict(day));
      write(writer, append("quarantine-t.1", expectAny, { shelf: "quarantine", events: [eventAt(start)] }));
      assert.equal(writer.tables.buckets().length, 5);
      assert.equal(await expireBuckets(writer, { traffic: start + 2 * dayMs }), 3);
      assert.equal(writer.tables.headOf("traffic", "verdict-p.0"), 2, "the late one is still there");
      assert.equal(writer.tables.headOf("traffic", "verdict-p.1"), -1);
      assert.equal(writer.tables.headOf("quarantine", "quarantine-t.1"), 0);
      assert.equal(await expireBuckets(writer, { quarantine: start + 9 * dayMs }), 1);
      const written = write(writer, verdict(1));
      assert.deepEqual(written.kind === "written" && written.revisions, [0]);
    }));

  test("a stream last written many days ago goes on where it ended, cached or not", () =>
    withWriter((writer, path) => {
      const outbound = (stream: string, day: number): WriterAppend =>
        append(stream, expectAny, { shelf: "traffic", events: [eventAt(start + day * dayMs)] });
      write(writer, outbound("outbound-a", 0));
      for (let day = 0; day < 10; day += 1) write(writer, outbound(`outbound-b${day}`, day));
      const restarted = new LogWriter(writer.db, path);
      const written = write(restarted, outbound("outbound-a", 10));
      assert.deepEqual(written.kind === "written" && written.revisions, [1]);
      assert.equal(restarted.tables.headOf("traffic", "outbound-a"), 1);
      assert.equal(restarted.tables.headOf("traffic", "outbound-missing"), -1);
    }));

  test("a clock that ran ahead does not hold later traffic for years", () =>
    withWriter((writer) => {
      const now = Date.now();
      for (const at of [now + 3_000 * dayMs, now]) {
        write(writer, append("verdict-p.1", expectAny, { shelf: "traffic", events: [eventAt(at)] }));
      }
      assert.deepEqual(
        writer.tables.buckets().map(({ day }) => day - Math.floor(now / dayMs)),
        [3_000, 0],
      );
    }));

  test("any sequence of appends gives gapless revisions and the same answers as a simple model", () =>
    withWriter((writer) => {
      const step = fc.record({
        stream: fc.constantFrom("tenant-a", "tenant-b"),
        expected: fc.integer({ min: -2, max: 6 }),
        count: fc.integer({ min: 1, max: 3 }),
      });
      let round = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
          round += 1;
          const heads = new Map<string, number>();
          const appends = steps.map(({ stream, expected, count }) =>
            append(`${stream}${round}`, expected, { events: Array.from({ length: count }, () => eventAt()) }),
          );
          const outcomes = writer.writeBatch(
            appends.map((each) => ({ appends: [each], payload: "", bytes: undefined })),
          );
          for (const [index, { stream, expected, events }] of appends.entries()) {
            const head = heads.get(stream) ?? -1;
            const outcome = outcomes[index];
            if (expected === expectAny || expected === head) {
              heads.set(stream, head + events.length);
              assert.deepEqual(outcome?.kind === "written" && outcome.revisions, [head + events.length]);
            } else {
              assert.deepEqual(outcome, { kind: "conflict", index: 0, actual: head });
            }
          }
        }),
        { numRuns: 60 },
      );
    }));
});

test("a generation map remembers the last entries and forgets old ones", () => {
  const map = new GenerationMap<number>(10);
  for (let n = 0; n < 100; n += 1) {
    map.set(String(n), n);
    map.get("0");
  }
  assert.equal(map.get("0"), 0, "used entries stay");
  assert.equal(map.get("99"), 99);
  assert.equal(map.get("50"), undefined);
});
