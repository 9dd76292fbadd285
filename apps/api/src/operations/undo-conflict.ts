import { idFromUuid } from "@mailfold/ids";
import type { RecordedEvent, Refusal } from "@mailfold/kernel";

/**
 * What came after an event in its stream and still counts: an event and the one that took it back cancel out, so that a
 * change can be undone once all later ones have been.
 */
export function standingAfter(events: readonly RecordedEvent[], target: RecordedEvent): readonly RecordedEvent[] {
  const later = events.filter(({ revision }) => revision > target.revision);
  const ids = new Set(later.map(({ id }) => id));
  const gone = new Set<string>();
  for (const { id, metadata } of later.toReversed()) {
    const { undoes } = metadata;
    if (gone.has(id) || undoes === undefined || !ids.has(undoes)) continue;
    gone.add(id);
    gone.add(undoes);
  }
  return later.filter(({ id }) => !gone.has(id));
}

/** The refusal that names the later event in the way. */
export function conflictWith(target: RecordedEvent, later: RecordedEvent, what: string): Refusal {
  const event = idFromUuid("event", later.id);
  const at = new Date(later.occurredAt).toISOString();
  const message =
    later.metadata.undoes === target.id
      ? `This was undone already, by ${event} at ${at}.`
      : `${what} was changed again by ${event} (${later.type}) at ${at}; undo that first.`;
  return { code: "UNDO_CONFLICT", message, path: ["event"], details: { event, type: later.type, name: what } };
}
