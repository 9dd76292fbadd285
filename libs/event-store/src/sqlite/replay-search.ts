import type { DatabaseSync } from "node:sqlite";
import type { EventTables } from "./event-tables.ts";
import type { WriterAppend } from "./writer-request.ts";

interface Place {
  readonly pos: number;
  readonly id: string;
}
/** Where the events of a repeated append stand. */
export interface FoundAppend {
  /** Revision and position of its last event, and position of its first. */
  readonly revision: number;
  readonly position: number;
  readonly first: number;
}

/** Looks for appends that were written before: a caller whose answer was lost sends the same ids again. */
export class ReplaySearch {
  readonly #db: DatabaseSync;
  readonly #tables: EventTables;

  constructor(db: DatabaseSync, tables: EventTables) {
    this.#db = db;
    this.#tables = tables;
  }

  /** The append, when all its events stand in its stream from a revision on. */
  atRevision(append: WriterAppend, firstRevision: number): FoundAppend | undefined {
    let first: Place | undefined;
    let last: Place | undefined;
    for (const [offset, event] of append.events.entries()) {
      const place = this.#placeOf(append, firstRevision + offset);
      if (place?.id !== event.id) return undefined;
      first ??= place;
      last = place;
    }
    if (first === undefined || last === undefined) return undefined;
    return {
      revision: firstRevision + append.events.length - 1,
      position: last.pos,
      first: first.pos,
    };
  }

  #placeOf(append: WriterAppend, revision: number): Place | undefined {
    for (const table of this.#tables.tablesOf(append.shelf)) {
      const place = table.at.get(append.stream, revision) as unknown as Place | undefined;
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** Whether all of an append's events stand from a position on. */
  standsAt(append: WriterAppend, position: number): boolean {
    return append.events.every((event, offset) => {
      for (const table of this.#tables.tablesOf(append.shelf)) {
        const row = table.idAtPosition.get(position + offset) as { stream: string; id: string } | undefined;
        if (row !== undefined) return row.id === event.id && row.stream === append.stream;
      }
      return false;
    });
  }

  /** Revision of the event at a position. */
  revisionAt(append: WriterAppend, position: number): number {
    for (const { name } of this.#tables.tablesOf(append.shelf)) {
      const row = this.#db.prepare(`SELECT revision FROM ${name} WHERE pos = ?`).get(position);
      if (row !== undefined) return (row as { revision: number }).revision;
    }
    return -1;
  }
}
