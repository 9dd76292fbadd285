import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config.ts";

/** DATA/run.json: what a running platform tells other programs about itself. Names are a promise. */
export interface RunFile {
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly host: string;
  readonly hostname: string;
  readonly ports: Config["ports"];
}

function pathOf(dataDir: string): string {
  return join(dataDir, "run.json");
}

/** Written whole or not at all: readers poll for it. */
export function writeRunFile(dataDir: string, run: RunFile): void {
  const path = pathOf(dataDir);
  writeFileSync(`${path}.new`, `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined when no platform has said that it runs here; the process may still be gone (killed): see isAlive. */
export function readRunFile(dataDir: string): RunFile | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(dataDir), "utf8")) as RunFile;
  } catch {
    return undefined;
  }
}

export function removeRunFile(dataDir: string): void {
  rmSync(pathOf(dataDir), { force: true });
}

/** Whether the process that wrote the file is still there. */
export function isAlive(run: RunFile): boolean {
  try {
    process.kill(run.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
