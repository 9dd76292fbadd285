import type { SenderList } from "@mailfold/domain";
import type { Position, Row } from "@mailfold/kernel";
import { policyIndex } from "@mailfold/projection-policy-index";
import type { ReadStore } from "@mailfold/read-store";
import type { SenderEntryRecord } from "../operations/policy-records.ts";
import { type EntryPlace, senderLists, toSenderEntry } from "../records/sender-entries.ts";

/** What stands today began before the position; what was replaced or removed since ended after it. */
const halves = (position: Position) =>
  [
    { current: 1, since: [] },
    { current: 0, since: [["toPosition", ">", position] as const] },
  ] as const;

/** Entries of one scope's lists as they stood at a position, by list and pattern. Reads off this thread. */
export async function senderListAt(
  rows: ReadStore,
  position: Position,
  where: {
    readonly scope: string;
    readonly list: SenderList | undefined;
    readonly pattern?: string | undefined;
    readonly first: number;
    readonly after: EntryPlace | undefined;
  },
): Promise<readonly SenderEntryRecord[]> {
  const { scope, list, first, after, pattern } = where;
  const only = pattern === undefined ? {} : { pattern };
  const found: Row[] = [];
  for (const name of list === undefined ? senderLists : [list]) {
    if (found.length >= first || (after !== undefined && name < after.list)) continue;
    const beyond = after?.list === name ? [["pattern", ">", after.pattern] as const] : [];
    const ofList: Row[] = [];
    for (const { current, since } of halves(position)) {
      const and = [["fromPosition", "<=", position] as const, ...since, ...beyond];
      const query = { where: { current, scope, list: name, ...only }, and, orderBy: ["pattern"], limit: first };
      ofList.push(...(await rows.selectAsync(policyIndex, "entries", query)));
    }
    // One pattern stands once at any position, so the two halves never name the same.
    found.push(...ofList.sort((a, b) => (String(a.pattern) < String(b.pattern) ? -1 : 1)));
  }
  return found.slice(0, first).map(toSenderEntry);
}
