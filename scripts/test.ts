// Runs every test: unit and property tests in one process, then the end-to-end tests two files at a time, then one at a time
// those that measure time or memory or load the machine.
// `npm test` runs all; `npm test -- unit` or `npm test -- e2e` one part; more words select e2e files by name.
import { globSync } from "node:fs";
import { installTestTools } from "./install-test-tools.ts";
import { runStage, type Stage, type StageResult } from "./test-stages.ts";

const [part = "all", ...only] = process.argv.slice(2);
const unitFiles = globSync(
  ["libs/**/*.test.ts", "projections/**/*.test.ts", "apps/**/*.test.ts", "scripts/**/*.test.ts", "test/**/*.test.ts"],
  {
    exclude: (name) => name === "node_modules",
  },
);
const e2eFiles = globSync(["test/e2e/**/*.e2e.ts", "test/faults/**/*.e2e.ts"]).filter(
  (file) => only.length === 0 || only.some((word) => file.includes(word)),
);

/** Words in the names of files that need the machine for themselves. */
const alone = ["audit-feed", "bad-input", "first-start", "postfix-to-clients", "smtp-hostile", "test/faults/"];
const needsAll = (file: string) => alone.some((word) => file.includes(word));

const stages: Stage[] = [];
if (part !== "e2e")
  stages.push({ name: "unit", args: ["--test-isolation=none", "--test-timeout=120000", ...unitFiles.sort()] });
if (part !== "unit" && e2eFiles.length > 0) {
  installTestTools();
  endToEnd("end to end", 2, (file) => !needsAll(file));
  endToEnd("end to end, alone", 1, needsAll);
}

function endToEnd(name: string, concurrency: number, wanted: (file: string) => boolean): void {
  const files = e2eFiles.filter(wanted).sort();
  const options = [`--test-concurrency=${concurrency}`, "--test-force-exit", "--test-timeout=600000"];
  if (files.length > 0) stages.push({ name, args: [...options, ...files] });
}

const results: StageResult[] = [];
for (const stage of stages) results.push(await runStage(stage));

process.stdout.write("\n");
for (const result of results) {
  process.stdout.write(
    `${result.name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped in ${result.seconds} s\n`,
  );
}
const sum = (key: "passed" | "failed") => results.reduce((total, result) => total + result[key], 0);
process.stdout.write(`${sum("passed")} passed, ${sum("failed")} failed\n`);
process.exit(sum("failed") > 0 || sum("passed") === 0 ? 1 : 0);
