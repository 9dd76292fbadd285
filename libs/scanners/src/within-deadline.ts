import { createGate, type Gate } from "./gate.ts";
import { down, noPlace, type ScannerDown } from "./scanner-down.ts";

/** How much a scanner is asked at once. */
export interface LoadOptions {
  /** Calls under way at once; 16 by default. */
  readonly concurrencyMax?: number;
  /** Calls that wait for a place, within their own deadline; 256 by default. */
  readonly waitersMax?: number;
}

/** The gate of a client. */
export function gateOf(options: LoadOptions): Gate {
  return createGate(options.concurrencyMax ?? 16, options.waitersMax ?? 256);
}

/** Runs one call with a place in the gate and one deadline for waiting and work; whatever it throws is an answer. */
export async function withinDeadline<T>(
  options: { readonly gate: Gate; readonly deadlineMs: number },
  work: (signal: AbortSignal) => Promise<T | ScannerDown>,
): Promise<T | ScannerDown> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Error(`no answer in ${options.deadlineMs} ms`)),
    options.deadlineMs,
  );
  try {
    const leave = await options.gate.enter(deadline.signal);
    if (leave === undefined) return noPlace;
    try {
      return await work(deadline.signal);
    } finally {
      leave();
    }
  } catch (cause) {
    return down(deadline.signal.aborted ? deadline.signal.reason : cause);
  } finally {
    clearTimeout(timer);
  }
}
