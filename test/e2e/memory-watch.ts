import { readFileSync } from "node:fs";

/** Resident memory of a process, looked at ten times a second. */
export interface MemoryWatch {
  readonly restingBytes: number;
  peakBytes(): number;
  nowBytes(): number;
  stop(): void;
}

export function watchMemory(pid: number | undefined): MemoryWatch {
  const nowBytes = () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
  const restingBytes = nowBytes();
  let peak = restingBytes;
  const timer = setInterval(() => {
    try {
      peak = Math.max(peak, nowBytes());
    } catch {
      // The process is gone: what is known stays known.
      clearInterval(timer);
    }
  }, 100);
  return { restingBytes, peakBytes: () => peak, nowBytes, stop: () => clearInterval(timer) };
}
