import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { judgeCorpus, type TrainedFigures, trainedClassifier, trainedCounts } from "./classifier-figures.ts";
import { syntheticTable } from "./classifier-page.ts";

test("the synthetic figures of docs/reference/classifier.md are those of this code, and good enough", async () => {
  const figures: TrainedFigures[] = [];
  for (const count of trainedCounts) figures.push(await judgeCorpus(await trainedClassifier(count), count));
  const page = readFileSync(new URL("../../docs/reference/classifier.md", import.meta.url), "utf8");
  assert.ok(page.includes(syntheticTable(figures)), "write it anew: node test/load/classifier-report.ts --write");
  for (const { parts } of figures) {
    for (const { precision = 1, part, messages, hamCalledSpam } of parts) {
      assert.ok(precision >= 0.95, `${part}: honest mail must not be called spam`);
      assert.ok(hamCalledSpam <= messages / 100);
    }
  }
  const best = figures.at(-1)?.parts.find(({ part }) => part === "easy");
  assert.ok((best?.recall ?? 0) > 0.95);
});
