import assert from "node:assert/strict";
import { test } from "node:test";
import { killRounds } from "./kill-rounds.ts";

test("kill -9 at random moments under 50 SMTP clients: every 250 is in its mailbox exactly once", async (t) => {
  const seed = Number(process.env.MAILFOLD_TEST_SEED ?? Date.now() % 1_000_000);
  const report = await killRounds({ rounds: 20, seed });
  t.diagnostic(
    `seed ${seed}: ${report.acknowledged} acknowledged, ${report.cut} cut off, slowest start ${report.slowestStartMs} ms`,
  );
  assert.deepEqual(report.lost, [], "acknowledged but not there exactly once");
  assert.deepEqual(report.doubled, [], "cut off before the answer, there more than once");
  assert.ok(
    report.acknowledged > 500,
    `only ${report.acknowledged} messages were acknowledged: the test did not load the server`,
  );
  assert.ok(report.slowestStartMs < 10_000, `a start took ${report.slowestStartMs} ms`);
});
