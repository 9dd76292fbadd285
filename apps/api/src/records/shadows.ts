import { type Scope, scopeId } from "@mailfold/domain";
import { parseId } from "@mailfold/ids";
import type { Row } from "@mailfold/kernel";
import { type ShadowRow, shadowOf, shadows, shadowVerdicts } from "@mailfold/projection-shadows";
import type { ReadStore, RowQuery } from "@mailfold/read-store";
import { type Caller, mayReach } from "../caller.ts";

/** How often one outcome became another. */
export interface ShadowCount {
  readonly from: { readonly action: string; readonly reason: string };
  readonly to: { readonly action: string; readonly reason: string };
  readonly count: number;
}

/** What a shadow would have done so far. */
export interface ShadowReport {
  /** Verdicts that it judged, too. */
  readonly total: number;
  readonly same: number;
  /** Those that differ, the most frequent first. */
  readonly counts: readonly ShadowCount[];
  /** The newest that differ. */
  readonly samples: readonly { readonly verdictId: string; readonly action: string; readonly reason: string }[];
  /** False: it judged more than are counted here, which are the newest. */
  readonly isComplete: boolean;
}

/** Shadows of one caller's subtree; foreign ones are missing ones. */
export interface Shadows {
  find(id: string): ShadowRow | undefined;
  /** Of one scope that the caller may see, newest first. */
  ofScope(scope: Scope): readonly ShadowRow[];
  report(shadow: ShadowRow): Promise<ShadowReport>;
}

const ofScopeMax = 100;
const pageRows = 1_000;
const countedMax = 50_000;
const samplesMax = 20;

/** Reads shadows for a caller. */
export function createShadows(rows: ReadStore, caller: Caller): Shadows {
  return {
    find(id) {
      const shadowId = parseId("shadow", id);
      const row = shadowId && rows.get(shadows, "shadows", { shadowId });
      const shadow = row && shadowOf(row);
      return shadow && mayReach(caller, shadow) ? shadow : undefined;
    },
    ofScope(scope) {
      const where = { scope: scopeId(scope) };
      const query: RowQuery = { where, orderBy: ["position"], descending: true, limit: ofScopeMax };
      return rows
        .select(shadows, "shadows", query)
        .map(shadowOf)
        .filter((shadow) => mayReach(caller, shadow));
    },
    report: (shadow) => readReport(rows, shadow),
  };
}

async function readReport(rows: ReadStore, { shadowId }: ShadowRow): Promise<ShadowReport> {
  const counts = new Map<string, ShadowCount>();
  const samples: ShadowReport["samples"][number][] = [];
  let total = 0;
  let same = 0;
  let last: Row | undefined;
  do {
    const page: readonly Row[] = await rows.selectAsync(shadowVerdicts, "verdicts", {
      where: { shadowId },
      orderBy: ["position"],
      descending: true,
      limit: pageRows,
      ...(last === undefined ? {} : { after: last }),
    });
    for (const row of page) {
      if (row.differs !== 1) same += 1;
      else addDiffering(counts, samples, row);
    }
    total += page.length;
    last = page.length < pageRows ? undefined : page.at(-1);
  } while (last !== undefined && total < countedMax);
  return {
    total,
    same,
    counts: [...counts.values()].sort((a, b) => b.count - a.count),
    samples,
    isComplete: last === undefined,
  };
}

function addDiffering(counts: Map<string, ShadowCount>, samples: ShadowReport["samples"][number][], row: Row): void {
  const from = { action: String(row.action), reason: String(row.reason) };
  const to = { action: String(row.shadowAction), reason: String(row.shadowReason) };
  const key = `${from.action} ${from.reason} ${to.action} ${to.reason}`;
  counts.set(key, { from, to, count: (counts.get(key)?.count ?? 0) + 1 });
  if (samples.length < samplesMax) samples.push({ verdictId: String(row.verdictId), ...to });
}
