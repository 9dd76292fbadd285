import type { Position, Row } from "@mailfold/kernel";
import { auditTrail } from "@mailfold/projection-audit-trail";
import { lastRowAt } from "@mailfold/projection-policy-index";
import type { ReadStore } from "@mailfold/read-store";
import { positionOfEvent } from "../records/find-event.ts";
import type { PolicyStand } from "./policy-difference.ts";

/** Two moments of the log: what changed after the one, up to the other. */
export interface Between {
  readonly from: Position;
  readonly to: Position;
}

/** UUID of the administrative event at a position. */
export function eventAt(rows: ReadStore, position: Row[string] | undefined): string | undefined {
  if (typeof position !== "string") return undefined;
  const row = rows.get(auditTrail, "entries", { position });
  return row === undefined ? undefined : String(row.eventId);
}

/** The event that last changed a name between two moments: what set the value after, or what took away the one before. */
export function changeBetween(
  rows: ReadStore,
  of: {
    readonly table: "settings" | "limits";
    readonly name: string;
    readonly before?: PolicyStand | undefined;
    readonly after?: PolicyStand | undefined;
  },
  { from, to }: Between,
): string | undefined {
  const { table, name, before, after } = of;
  if (after?.shown && after.byEvent !== undefined) {
    const position = positionOfEvent(rows, after.byEvent);
    if (position !== undefined && position > from && position <= to) return after.byEvent;
  }
  if (!before?.shown) return undefined;
  const end = lastRowAt(rows, table, { scope: before.scope, name }, to)?.toPosition;
  return typeof end === "string" && end > from && end <= to ? eventAt(rows, end) : undefined;
}
