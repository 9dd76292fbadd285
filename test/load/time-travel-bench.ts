/**
 * Time of reading a policy of the past, median and p99: `node test/load/time-travel-bench.ts [changes] [questions]`.
 * Random changes of settings and limits in seven scopes, on the embedded log; then the settings in force at a mailbox, five
 * scopes deep, at random positions. The first question reads the streams; `cold` is its time.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPolicyTimelines } from "../../apps/api/src/history/policy-timelines.ts";
import { dice, path, recordChanges } from "../../apps/api/src/test-support/time-travel-test-world.ts";
import { openSqliteEventStore } from "../../libs/event-store/src/index.ts";
import { createEventCodec } from "../../libs/events/src/index.ts";
import { openKeys } from "../../libs/keys/src/index.ts";

const changes = Number(process.argv[2] ?? 10_000);
const questions = Number(process.argv[3] ?? 1_000);
const limitMs = 20;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const folder = mkdtempSync(join(tmpdir(), "mailfold-time-travel-"));
const codec = createEventCodec(openKeys({ dir: join(folder, "keys") }));
const store = await openSqliteEventStore({ path: join(folder, "log.db"), codec, clock: { now: Date.now } });
try {
  const events = await recordChanges(store, { changes, seed: 42 });
  const timelines = createPolicyTimelines(store);
  const roll = dice(7);
  const times: number[] = [];
  for (let asked = 0; asked < questions; asked += 1) {
    const position = events[roll(events.length)]?.position;
    if (position === undefined) throw new Error("no events");
    const startedAt = performance.now();
    const policy = await timelines.at(path, position);
    policy.effective(path);
    times.push(performance.now() - startedAt);
  }
  const [cold = 0] = times;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  const p99 = at(0.99);
  say(
    `${changes} changes, ${questions} positions: median ${at(0.5).toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, cold ${cold.toFixed(0)} ms`,
  );
  say(p99 < limitMs ? `within ${limitMs} ms` : `over ${limitMs} ms`);
  process.exitCode = p99 < limitMs ? 0 : 1;
} finally {
  await store.close();
  rmSync(folder, { recursive: true });
}
