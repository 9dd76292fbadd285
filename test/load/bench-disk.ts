import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Appends of 4 KiB, each followed by fdatasync, per second: what the disk allows one writer without grouping. */
export function fsyncsPerSecond(dir: string, seconds: number): number {
  const path = join(dir, "fsync-probe");
  const file = openSync(path, "w");
  const block = Buffer.alloc(4_096, 0x61);
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < seconds * 1_000) {
    writeSync(file, block);
    fdatasyncSync(file);
    count += 1;
  }
  const rate = count / ((performance.now() - startedAt) / 1_000);
  closeSync(file);
  rmSync(path);
  return Math.round(rate);
}
