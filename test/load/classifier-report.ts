/**
 * Precision and recall of the built-in classifier on a seeded, synthetic corpus, and what it says of spamassassin's two
 * sample messages: `node test/load/classifier-report.ts`; with `--write` it also writes docs/reference/classifier.md.
 */
import { writeFileSync } from "node:fs";
import {
  judgeCorpus,
  judgeSamples,
  type TrainedFigures,
  trainedClassifier,
  trainedCounts,
} from "./classifier-figures.ts";
import { classifierPage } from "./classifier-page.ts";
import { spamassassinSamples } from "./spamassassin-samples.ts";

const figures: TrainedFigures[] = [];
const durations: number[] = [];
let classifier = await trainedClassifier(0);
for (const count of trainedCounts) {
  const startedAt = performance.now();
  classifier = await trainedClassifier(count);
  process.stderr.write(`training: ${((performance.now() - startedAt) / count).toFixed(3)} ms a message\n`);
  figures.push(await judgeCorpus(classifier, count, (durationMs) => durations.push(durationMs)));
}
durations.sort((a, b) => a - b);
const at = (share: number): string => (durations[Math.floor(share * (durations.length - 1))] ?? 0).toFixed(3);
process.stderr.write(`tokenize and classify: median ${at(0.5)} ms, p99 ${at(0.99)} ms\n`);

const samples = spamassassinSamples();
const page = classifierPage(figures, samples === undefined ? undefined : await judgeSamples(classifier, samples));
process.stdout.write(page);
if (process.argv.includes("--write")) {
  writeFileSync(new URL("../../docs/reference/classifier.md", import.meta.url), page);
}
