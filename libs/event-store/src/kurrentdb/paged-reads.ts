import { setTimeout as sleep } from "node:timers/promises";
import type { Position } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type { KurrentClient } from "./kurrent-client.ts";
import { failureOf } from "./kurrent-fault.ts";
import type { RawEvent } from "./raw-event.ts";

const pageEvents = 500;
const attemptsMax = 4;
const retryDelayMs = 100;

export interface AllRange {
  /** Exclusive; undefined = from the start (forwards) or the end (backwards). */
  readonly after?: Position | undefined;
  readonly direction: "forwards" | "backwards";
  /** At most as many events as are going to be used, the invisible ones included; a hint. */
  readonly wanted?: number | undefined;
}

/** The whole log page by page, the server's own events included. A failed page is asked for again, a few times. */
export async function* readAllPages(client: KurrentClient, range: AllRange): AsyncGenerator<readonly RawEvent[]> {
  const { direction } = range;
  let cursor = range.after === startOfLog ? undefined : range.after;
  if (range.after === startOfLog && direction === "backwards") return;
  let count = pageSize(range.wanted);
  for (;;) {
    const page = await retried(() => client.allPage(cursor, { direction, count }));
    const fresh = direction === "forwards" && page[0]?.position === cursor ? page.slice(1) : page;
    if (fresh.length > 0) yield fresh;
    const last = page.at(-1);
    if (page.length < count || !last) return;
    cursor = last.position;
    count = pageEvents;
  }
}

export interface StreamRange {
  /** Inclusive; undefined = first or last. */
  readonly from?: number | undefined;
  readonly direction: "forwards" | "backwards";
  readonly wanted?: number | undefined;
}

/** A stream page by page. */
export async function* readStreamPages(
  client: KurrentClient,
  stream: string,
  range: StreamRange,
): AsyncGenerator<readonly RawEvent[]> {
  const { direction } = range;
  let from = range.from;
  let left = range.wanted ?? Number.POSITIVE_INFINITY;
  while (left > 0 && (from === undefined || from >= 0)) {
    const count = Math.min(pageEvents, left);
    const page = await retried(() => client.streamPage(stream, from, { direction, count }));
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (page.length < count || !last) return;
    left -= page.length;
    from = direction === "forwards" ? last.revision + 1 : last.revision - 1;
  }
}

function pageSize(wanted: number | undefined): number {
  return Math.min(pageEvents, (wanted ?? pageEvents) + 8);
}

/** A read may be repeated at will; refusals of access may not. */
export async function retried<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind !== "unknown" || attempt >= attemptsMax) throw failure;
      await sleep(retryDelayMs * 2 ** (attempt - 1));
    }
  }
}
