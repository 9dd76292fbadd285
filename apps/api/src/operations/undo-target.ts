import { idFromUuid, parseId, uuidFromId } from "@mailfold/ids";
import type { RecordedEvent } from "@mailfold/kernel";
import { auditTrail } from "@mailfold/projection-audit-trail";
import { type Caller, mayReach } from "../caller.ts";
import type { OperationDeps } from "../ports.ts";
import { findAuditEvent } from "../records/find-event.ts";
import type { UndoInput } from "./operation-inputs.ts";
import { invalidInput, notFound, type OperationOutcome, refused } from "./operation-outcome.ts";

/** Events that can be taken back. */
const undoable: ReadonlySet<string> = new Set([
  "PolicySettingsChanged",
  "PolicyLimitsChanged",
  "SenderEntryAdded",
  "SenderEntryRemoved",
  "SenderPardoned",
  "PardonLifted",
]);
const prefix = "undo_";
const waitMs = 2_000;
/** A command writes at most one event of each undoable type into one stream. */
const eventsMax = 4;

/** Opaque text that takes a command back whole; null when any of its events cannot be. */
export function undoTokenOf(events: readonly { readonly id: string; readonly type: string }[]): string | null {
  if (events.length === 0 || events.length > eventsMax || !events.every(({ type }) => undoable.has(type))) return null;
  return `${prefix}${events.map(({ id }) => idFromUuid("event", id)).join(".")}`;
}

function eventIdsOf({ undoToken, event }: UndoInput): readonly string[] | undefined {
  if ((undoToken === null || undoToken === undefined) === (event === null || event === undefined)) return undefined;
  if (typeof event === "string") return [event];
  const token = undoToken ?? "";
  return token.startsWith(prefix) ? token.slice(prefix.length).split(".").slice(0, eventsMax) : [""];
}

/** The events that an undo names, all of one stream, oldest first; foreign and missing ones answer alike. */
export async function findUndoTarget(
  deps: OperationDeps,
  caller: Caller,
  input: UndoInput,
): Promise<readonly [RecordedEvent, ...RecordedEvent[]] | OperationOutcome<never>> {
  const ids = eventIdsOf(input);
  if (ids === undefined) return invalidInput("Name what to undo by exactly one of undoToken and event.", "event");
  const field = typeof input.event === "string" ? "event" : "undoToken";
  // Always waited for, so that a foreign event does not answer sooner than a missing one.
  const head = await deps.journal.events.head();
  await deps.rows.waitFor(head, { projections: [auditTrail.name], timeoutMs: waitMs });
  const events: RecordedEvent[] = [];
  for (const id of new Set(ids)) {
    const event = parseId("event", id) && (await findAuditEvent(deps.rows, deps.journal.events, uuidFromId(id)));
    if (!event || !mayReach(caller, event.metadata)) return notFound(field);
    if (!undoable.has(event.type)) {
      const message = "Only changes of settings, limits, rules, list entries and pardons can be undone.";
      return refused({ code: "UNDO_UNSUPPORTED", message, path: [field], details: { type: event.type } });
    }
    events.push(event);
  }
  events.sort((a, b) => a.revision - b.revision);
  const [first, ...more] = events;
  if (first === undefined || more.some(({ stream, type }) => stream !== first.stream || type === first.type)) {
    return invalidInput("undoToken is that of a receipt, unchanged.", "undoToken");
  }
  return [first, ...more];
}
