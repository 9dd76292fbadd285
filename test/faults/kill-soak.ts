// Long form of kill.e2e.ts: `node test/faults/kill-soak.ts [rounds]`, 1,000 rounds by default. Prints one line per 20 rounds.
import { killRounds } from "./kill-rounds.ts";

const rounds = Number(process.argv[2] ?? 1_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
let bad = 0;
for (let done = 0; done < rounds; done += 20) {
  const report = await killRounds({ rounds: Math.min(20, rounds - done), seed: seed + done });
  bad += report.lost.length + report.doubled.length;
  process.stdout.write(
    `rounds ${done + report.rounds}, seed ${seed + done}: ${report.acknowledged} acknowledged, ${report.cut} cut, ${report.lost.length} lost, ${report.doubled.length} doubled, slowest start ${report.slowestStartMs} ms\n`,
  );
}
process.exit(bad === 0 ? 0 : 1);
