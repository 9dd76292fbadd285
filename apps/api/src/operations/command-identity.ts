import { deriveId, deriveUuid, type IdTypes, newId, uuidV7 } from "@mailfold/ids";
import type { IdKind, RecordedEvent, Sealer } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import { canonicalJson } from "./canonical-json.ts";

/** What makes a command the same command: token subject, operation, commandId; and its input's hash. */
export interface CommandIdentity {
  readonly commandId: string | undefined;
  readonly inputHash: string | undefined;
  /** Key of the in-process queue for equal commands; undefined without a commandId. */
  readonly key: string | undefined;
  /** Id of an object that the command makes. */
  objectId<K extends IdKind>(kind: K): IdTypes[K];
  /** Id of the command's index-th event in streams of this category. */
  eventId(category: string, index: number): string;
  /** Those of a stream's events that this command recorded. */
  own(category: string, events: readonly RecordedEvent[]): readonly RecordedEvent[];
}

/** Most events that one command puts into streams of one category. */
const eventsPerCategory = 128;

/** Identity of one command; without a commandId every call is a new one. `input` holds no secrets. */
export function createCommandIdentity(
  deps: { readonly idSecret: Buffer; readonly sealer: Sealer },
  command: {
    readonly caller: Caller;
    readonly operation: string;
    readonly commandId?: string | undefined;
    readonly input: unknown;
  },
): CommandIdentity {
  const { commandId, operation } = command;
  if (commandId === undefined) {
    return {
      commandId,
      inputHash: undefined,
      key: undefined,
      objectId: newId,
      eventId: () => uuidV7(),
      own: () => [],
    };
  }
  const parts = [command.caller.subject, operation, commandId] as const;
  const eventId = (category: string, index: number) =>
    deriveUuid(deps.idSecret, "event", ...parts, category, String(index));
  return {
    commandId,
    inputHash: deps.sealer.blindIndex("command-input", canonicalJson({ operation, input: command.input })),
    key: JSON.stringify(parts),
    objectId: (kind) => deriveId(kind, deps.idSecret, ...parts),
    eventId,
    own(category, events) {
      const candidates = events.filter((event) => event.metadata.commandId === commandId);
      if (candidates.length === 0) return candidates;
      const ids = new Set(Array.from({ length: eventsPerCategory }, (_, index) => eventId(category, index)));
      return candidates.filter((event) => ids.has(event.id));
    },
  };
}
