import { type SenderEntry, type SenderEntryEvent, scopeId, senderEntry } from "@mailfold/domain";
import type { RecordedEvent, Refusal } from "@mailfold/kernel";
import type { PolicyDifference } from "../history/policy-difference.ts";
import { conflictWith, standingAfter } from "./undo-conflict.ts";

/** The list's entry before and after an event of its stream. */
export interface EntrySides {
  readonly before: SenderEntry | undefined;
  readonly after: SenderEntry | undefined;
}

/** What an event of an entry's stream changed. */
export function entrySides(stream: readonly RecordedEvent[], target: RecordedEvent): EntrySides {
  const { list } = target.data as SenderEntryEvent["data"];
  const upTo = (end: number) =>
    stream
      .filter(({ revision }) => revision < end)
      .reduce((state, event) => senderEntry.evolve(state, event as never), senderEntry.initialState);
  return { before: upTo(target.revision)[list], after: upTo(target.revision + 1)[list] };
}

/** The later change of the same list's entry that is in the way of taking an event back. */
export function entryConflict(stream: readonly RecordedEvent[], target: RecordedEvent): Refusal | undefined {
  const { list, pattern } = target.data as SenderEntryEvent["data"];
  const later = standingAfter(stream, target).find((event) => (event.data as SenderEntryEvent["data"]).list === list);
  return later === undefined ? undefined : conflictWith(target, later, `the ${list} entry ${pattern}`);
}

/** What taking an event back changes: `before` is what it left, `after` what stood before it. */
export function entryUndone(stream: readonly RecordedEvent[], target: RecordedEvent): readonly PolicyDifference[] {
  const { list, pattern } = target.data as SenderEntryEvent["data"];
  const { before, after } = entrySides(stream, target);
  const earlier = stream.findLast(
    (event) =>
      event.revision < target.revision &&
      event.type === "SenderEntryAdded" &&
      (event.data as SenderEntryEvent["data"]).list === list,
  )?.id;
  return [
    {
      part: "entry",
      name: pattern,
      list,
      before: standOf(after, target.id),
      after: standOf(before, earlier),
      changedBy: target.id,
    },
  ];
}

function standOf(entry: SenderEntry | undefined, byEvent: string | undefined) {
  if (entry === undefined) return undefined;
  const { entryId, pattern, expiresAt, note, trustUnverified } = entry;
  const until = expiresAt === undefined ? null : new Date(expiresAt).toISOString();
  const value = {
    id: entryId,
    pattern,
    expiresAt: until,
    note: note ?? null,
    trustUnverified: trustUnverified ?? false,
  };
  return { value, scope: scopeId(entry.scope), shown: true, byEvent };
}
