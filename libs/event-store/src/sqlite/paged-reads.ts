import { setImmediate as nextTurn } from "node:timers/promises";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import type { ReadAllOptions, ReadStreamOptions } from "../port.ts";
import type { LogReader } from "./log-reader.ts";

/** Rows read at a time: bounds how long one read keeps its thread. */
const pageRows = 500;

/** The whole log, page by page; other work of the thread goes on between pages. Ends at the head. */
export async function* readLogPaged(reader: LogReader, options: ReadAllOptions = {}): AsyncGenerator<RecordedEvent> {
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let cursor: Position | undefined = options.after;
  const backwards = options.direction === "backwards";
  while (left > 0) {
    const pageOptions = { filter: options.filter, limit: Math.min(left, pageRows) };
    let ended: boolean;
    if (backwards) {
      const page = reader.pageBackwards(cursor, pageOptions);
      yield* page.events;
      left -= page.events.length;
      cursor = page.next;
      ended = page.done;
    } else {
      const page = reader.pageForwards(cursor ?? startOfLog, pageOptions);
      yield* page.events;
      left -= page.events.length;
      cursor = page.next;
      ended = page.atHead;
    }
    if (ended) return;
    await nextTurn();
  }
}

/** One stream, page by page. */
export async function* readStreamPaged(
  reader: LogReader,
  stream: string,
  options: ReadStreamOptions = {},
): AsyncGenerator<RecordedEvent> {
  const direction = options.direction ?? "forwards";
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let from = options.from ?? (direction === "forwards" ? 0 : Number.MAX_SAFE_INTEGER);
  while (left > 0) {
    const { events, more } = reader.streamPage(stream, { from, direction, limit: Math.min(left, pageRows) });
    yield* events;
    left -= events.length;
    const last = events.at(-1);
    if (!more || last === undefined || left <= 0) return;
    from = direction === "forwards" ? last.revision + 1 : last.revision - 1;
    await nextTurn();
  }
}
