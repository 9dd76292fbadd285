import type { EventCodec } from "@mailfold/events";
import { lifeClassOf } from "@mailfold/events";
import type { EventFilter } from "../port.ts";
import type { Shelf } from "./log-schema.ts";
import { shelfOf } from "./log-schema.ts";

/** A filter as a condition on one event table. */
export interface CompiledFilter {
  /** Begins with ` AND`, or is empty. */
  readonly sql: string;
  readonly values: readonly string[];
  /** Where matching events can lie; undefined = anywhere. */
  readonly shelves: ReadonlySet<Shelf> | undefined;
}

export const noFilter: CompiledFilter = { sql: "", values: [], shelves: undefined };

/** `typeNames`: wire types by their number in the file. Types never written yet match nothing. */
export function compileFilter(
  filter: EventFilter,
  codec: EventCodec,
  typeNames: readonly (string | undefined)[],
): CompiledFilter {
  let sql = "";
  const values: string[] = [];
  if (filter.types !== undefined) {
    const wanted = new Set(codec.wireTypes(filter.types));
    const ids = typeNames.flatMap((name, id) => (name !== undefined && wanted.has(name) ? [id] : []));
    sql += ` AND type IN (${ids.join(",")})`;
  }
  if (filter.streamPrefixes !== undefined) {
    const tests = filter.streamPrefixes.map((prefix) => {
      values.push(prefix, `${prefix}\u{10ffff}`);
      return "(stream >= ? AND stream < ?)";
    });
    sql += tests.length === 0 ? " AND 0" : ` AND (${tests.join(" OR ")})`;
  }
  return { sql, values, shelves: shelvesOf(filter.streamPrefixes) };
}

/** Shelves that streams with these prefixes can lie on; undefined = any, because a prefix is shorter than a category. */
function shelvesOf(prefixes: readonly string[] | undefined): ReadonlySet<Shelf> | undefined {
  if (prefixes === undefined || prefixes.some((prefix) => !prefix.includes("-"))) return undefined;
  return new Set(prefixes.map((prefix) => shelfOf(prefix, lifeClassOf(prefix))));
}
