import type { EventStore } from "@mailfold/event-store";
import type { Position, RecordedEvent, Row } from "@mailfold/kernel";
import { auditTrail } from "@mailfold/projection-audit-trail";
import type { RowReader } from "@mailfold/read-store";
import type { FindEvent } from "../operations/command-queue.ts";

/** Looks events up by id in the audit trail. */
export function createFindEvent(rows: RowReader): FindEvent {
  return (eventId) => {
    const row = findAuditRow(rows, eventId);
    return row === undefined ? undefined : { stream: String(row.stream) };
  };
}

/** The audit trail's row of an event. */
function findAuditRow(rows: RowReader, eventId: string): Row | undefined {
  return rows.select(auditTrail, "entries", { where: { eventId }, limit: 1 })[0];
}

/** The position of an admin event, when the audit trail knows it. */
export function positionOfEvent(rows: RowReader, eventId: string): Position | undefined {
  return findAuditRow(rows, eventId)?.position as Position | undefined;
}

/** An admin event by its id. */
export async function findAuditEvent(
  rows: RowReader,
  store: EventStore,
  eventId: string,
): Promise<RecordedEvent | undefined> {
  const row = findAuditRow(rows, eventId);
  if (row === undefined) return undefined;
  return loadEvent(store, { stream: String(row.stream), revision: Number(row.revision) });
}

/** The event that a row tells of. */
export async function loadEvent(
  store: EventStore,
  row: { readonly stream: string; readonly revision: number },
): Promise<RecordedEvent | undefined> {
  for await (const event of store.readStream(row.stream, { from: row.revision, limit: 1 })) return event;
  return undefined;
}
