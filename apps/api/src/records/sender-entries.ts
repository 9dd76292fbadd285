import type { SenderList } from "@mailfold/domain";
import type { Row, RowsProjection } from "@mailfold/kernel";
import { entryOfRow, policyIndex } from "@mailfold/projection-policy-index";
import type { RowReader } from "@mailfold/read-store";
import type { SenderEntryRecord } from "../operations/policy-records.ts";

/** The lists in the order of pages. */
export const senderLists: readonly SenderList[] = ["accept", "kill"];
const projection: RowsProjection = policyIndex;

/** Where a page of one scope's entries goes on: entries are ordered by list and pattern. */
export interface EntryPlace {
  readonly list: SenderList;
  readonly pattern: string;
}

/** The standing entries of accept and kill lists, from the policy index. */
export interface SenderEntries {
  find(entryId: string): SenderEntryRecord | undefined;
  list(where: {
    readonly scope: string;
    readonly list?: SenderList | undefined;
    readonly pattern?: string | undefined;
    readonly first: number;
    readonly after?: EntryPlace | undefined;
  }): readonly SenderEntryRecord[];
}

/** An entry of the policy index as the API shows it. */
export function toSenderEntry(row: Row): SenderEntryRecord {
  const { resellerId: _owner, ...entry } = entryOfRow(row);
  return { ...entry, trustUnverified: entry.trustUnverified ?? false };
}

/** Reads the policy index's rows. */
export function createSenderEntries(rows: RowReader): SenderEntries {
  return {
    find(entryId) {
      const [row] = rows.select(projection, "entries", { where: { current: 1, entryId }, limit: 1 });
      return row === undefined ? undefined : toSenderEntry(row);
    },
    list({ scope, list, pattern, first, after }) {
      const found: SenderEntryRecord[] = [];
      for (const name of list === undefined ? senderLists : [list]) {
        if (after !== undefined && name < after.list) continue;
        const beyond = after?.list === name ? [["pattern", ">", after.pattern] as const] : [];
        const where = { current: 1, scope, list: name, ...(pattern === undefined ? {} : { pattern }) };
        const query = { where, and: beyond, orderBy: ["pattern"] };
        if (found.length < first) {
          found.push(
            ...rows.select(projection, "entries", { ...query, limit: first - found.length }).map(toSenderEntry),
          );
        }
      }
      return found;
    },
  };
}
