import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { EventCodec } from "@mailfold/events";
import { openEmbeddedJournal } from "./embedded-journal.ts";
import { verifyData } from "./verify.ts";

/** A few at every test run; the same test with MAILFOLD_KILL_ROUNDS=20 or more when the writer changes. */
const rounds = Number(process.env.MAILFOLD_KILL_ROUNDS ?? 6);

/** Commits mail without end, eight at a time, and prints an event's id once its commit is acknowledged. */
const child = `
import { writeSync } from "node:fs";
import { createHash, randomBytes, randomUUID } from "node:crypto";
const { openEmbeddedJournal } = await import(process.env.JOURNAL_MODULE);
const codec = {
  encode: (stream, e) => ({ id: e.id, wireType: e.type, occurredAt: e.occurredAt, data: JSON.stringify(e.data), metadata: "{}" }),
  decode: (e) => ({ ...e, type: e.wireType, data: JSON.parse(e.data), metadata: {} }),
  wireTypes: (types) => types, nameOf: (type) => type,
};
const journal = await openEmbeddedJournal({ dataDir: process.env.DATA, codec, clock: { now: Date.now } });
await Promise.all(Array.from({ length: 8 }, async (_, worker) => {
  for (let n = 0; ; n++) {
    const bytes = randomBytes(n % 20 === 7 ? 200_000 : 500);
    const ref = { tenantId: "ten_a", sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes: bytes.length };
    const event = (type) => ({ id: randomUUID(), type, data: { ref }, metadata: {}, occurredAt: Date.now() });
    const mail = event("MessageDelivered");
    await journal.commit({
      bodies: [{ ref, bytes }],
      appends: [{ stream: "mail-" + worker, expected: "any", events: [mail] }, { stream: "verdict-ten_a.20261124", expected: "any", events: [event("VerdictRecorded")] }],
      holds: [{ stream: "mail-" + worker, ref }],
    });
    writeSync(1, mail.id + "\\n");
  }
}));
`;

const codec: EventCodec = {
  encode: (_stream, { id, type, occurredAt }) => ({ id, wireType: type, occurredAt, data: "{}", metadata: "{}" }),
  decode: ({ wireType, data, metadata, ...rest }) => ({
    ...rest,
    type: wireType,
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
  }),
  wireTypes: (types) => types,
  nameOf: (wireType) => wireType,
};

/** Lets the child commit, kills it -9 at a random moment after its first acknowledgement, answers what it acknowledged. */
async function acknowledgedUntilKilled(dataDir: string): Promise<readonly string[]> {
  const env = { ...process.env, DATA: dataDir, JOURNAL_MODULE: new URL("./embedded-journal.ts", import.meta.url).href };
  const running = spawn(process.execPath, ["--input-type=module", "--eval", child], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const acknowledged: string[] = [];
  let complaint = "";
  running.stderr.on("data", (text) => {
    complaint += String(text);
  });
  const lines = createInterface({ input: running.stdout });
  lines.on("line", (line) => acknowledged.push(line));
  const ended = once(lines, "close");
  await Promise.race([once(lines, "line"), ended]);
  await delay(Math.random() * 60);
  running.kill("SIGKILL");
  await ended;
  assert.ok(acknowledged.length > 0, complaint);
  // A line that was cut off in the pipe was not acknowledged to anybody.
  return acknowledged.filter((line) => line.length === 36);
}

test(`kill -9 at any moment loses nothing acknowledged, ${rounds} rounds`, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mailfold-kill-"));
  try {
    const acknowledged: string[] = [];
    for (let round = 0; round < rounds; round += 1) acknowledged.push(...(await acknowledgedUntilKilled(dataDir)));
    const { problems } = await verifyData(dataDir);
    assert.deepEqual(problems, []);
    const journal = await openEmbeddedJournal({ dataDir, codec, clock: { now: Date.now } });
    const stored: string[] = [];
    let verdicts = 0;
    for await (const event of journal.events.readAll()) {
      if (event.type === "VerdictRecorded") verdicts += 1;
      if (event.type !== "MessageDelivered") continue;
      stored.push(event.id);
      const { ref } = event.data as { ref: { tenantId: string; sha256: string; sizeBytes: number } };
      assert.ok(await journal.bodies.read(ref), `body of ${event.id}`);
    }
    await journal.close();
    assert.equal(new Set(stored).size, stored.length, "nothing is there twice");
    const there = new Set(stored);
    assert.deepEqual(
      acknowledged.filter((id) => !there.has(id)),
      [],
    );
    assert.equal(verdicts, stored.length, "no commit is there in part");
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
