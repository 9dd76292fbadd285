import { spawn } from "node:child_process";

/** One `node --test` run: what it is called, and its arguments. */
export interface Stage {
  readonly name: string;
  readonly args: readonly string[];
}

export interface StageResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

/** Runs a stage with its output shown, and counts from the runner's own closing lines. */
export function runStage(stage: Stage): Promise<StageResult> {
  const startedAt = performance.now();
  process.stdout.write(`\n== ${stage.name}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--test", "--test-reporter=spec", ...stage.args], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, MAILFOLD_LOG_LEVEL: process.env.MAILFOLD_LOG_LEVEL ?? "error" },
    });
    let tail = "";
    child.stdout.on("data", (chunk: Buffer) => {
      process.stdout.write(chunk);
      tail = (tail + chunk.toString()).slice(-20_000);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      const count = (word: string) => Number([...tail.matchAll(new RegExp(`ℹ ${word} (\\d+)`, "g"))].at(-1)?.[1] ?? 0);
      const failed = count("fail") + count("cancelled");
      resolve({
        name: stage.name,
        passed: count("pass"),
        failed: failed === 0 && code !== 0 ? 1 : failed,
        skipped: count("skipped"),
        seconds: Math.round((performance.now() - startedAt) / 1_000),
      });
    });
  });
}
