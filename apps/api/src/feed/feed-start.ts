import type { EventStore } from "@mailfold/event-store";
import { type Position, startOfLog } from "@mailfold/kernel";
import type { LogCursors } from "../log-cursor.ts";
import type { FeedFrom, FeedWhere } from "./feed-protocol.ts";
import { classesAdmitted, feedFilter } from "./feed-scope.ts";

/** Where to read from (exclusive), and the instant before which events are skipped; or why not. */
export type FeedStart =
  | { readonly ok: true; readonly after: Position; readonly notBefore: number }
  | { readonly ok: false; readonly cause: "malformed" | "gone" };

// Events of several writers may be written up to this much out of the order of their clocks.
const clockSlackMs = 60_000;

/** Finds a subscription's first position. A position that can no longer be continued without a gap is `gone`. */
export async function findFeedStart(
  store: EventStore,
  cursors: LogCursors,
  from: FeedFrom,
  where: FeedWhere,
): Promise<FeedStart> {
  if (from === "now") return { ok: true, after: await store.head(), notBefore: 0 };
  // The start is wherever the log now starts: asking for it misses nothing that was promised.
  if (from === "start") return { ok: true, after: startOfLog, notBefore: 0 };
  if ("time" in from) return startAtTime(store, where, Date.parse(from.time));
  const cursor = await cursors.parse(from.position);
  if (!cursor.ok) return { ok: false, cause: cursor.cause === "malformed" ? "malformed" : "gone" };
  return cursor.position < (await highestFloor(store, where))
    ? { ok: false, cause: "gone" }
    : { ok: true, after: cursor.position, notBefore: 0 };
}

/** The highest floor of the classes that a subscription could show. */
async function highestFloor(store: EventStore, where: FeedWhere): Promise<Position> {
  const floors = await Promise.all(classesAdmitted(where).map((lifeClass) => store.floor(lifeClass)));
  return floors.sort().at(-1) ?? startOfLog;
}

// There is no index by time; reading backwards costs no more than what the subscription will then be sent.
async function startAtTime(store: EventStore, where: FeedWhere, time: number): Promise<FeedStart> {
  let after = startOfLog;
  for await (const event of store.readAll({ direction: "backwards", filter: feedFilter(where) })) {
    if (event.occurredAt >= time - clockSlackMs) continue;
    after = event.position;
    break;
  }
  const start = { ok: true, after, notBefore: time } as const;
  const floor = await highestFloor(store, where);
  if (after >= floor) return start;
  // Something behind the floor has expired. If what is left begins before the time, the rest was older still.
  for await (const event of store.readAll({ after: floor, limit: 1 })) {
    if (event.occurredAt < time - clockSlackMs) return start;
  }
  return { ok: false, cause: "gone" };
}
