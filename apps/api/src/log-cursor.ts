import type { EventStore } from "@mailfold/event-store";
import type { Position } from "@mailfold/kernel";

/** A position as clients see it: opaque text that carries the log's epoch. */
type CursorOutcome =
  | { readonly ok: true; readonly position: Position }
  | { readonly ok: false; readonly cause: "malformed" | "other-log" };

/** Writes and reads cursors of one log: `<epoch>.<position>`. */
export interface LogCursors {
  format(position: Position): Promise<string>;
  parse(cursor: string): Promise<CursorOutcome>;
  epoch(): Promise<string>;
}

const shape = /^([0-9A-Za-z-]{1,64})\.([0-9A-Za-z:_-]{0,64})$/;

/** Cursors of a store's log. The epoch is asked each time: a store may answer it from memory. */
export function createLogCursors(store: EventStore): LogCursors {
  return {
    epoch: () => store.epoch(),
    format: async (position) => `${await store.epoch()}.${position}`,
    async parse(cursor) {
      const match = shape.exec(cursor);
      if (match === null) return { ok: false, cause: "malformed" };
      if (match[1] !== (await store.epoch())) return { ok: false, cause: "other-log" };
      return { ok: true, position: (match[2] ?? "") as Position };
    },
  };
}
