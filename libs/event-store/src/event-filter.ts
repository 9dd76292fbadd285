import type { EventFilter } from "./port.ts";

/** Whether a stream name and an event name pass a filter: both parts must match, an absent part matches all. */
export function matchesFilter(filter: EventFilter | undefined, stream: string, type: string): boolean {
  if (filter === undefined) return true;
  if (filter.types !== undefined && !filter.types.includes(type)) return false;
  return filter.streamPrefixes === undefined || filter.streamPrefixes.some((prefix) => stream.startsWith(prefix));
}
