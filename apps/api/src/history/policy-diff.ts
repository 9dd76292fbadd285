import { scopeId } from "@mailfold/domain";
import type { ScopePath } from "@mailfold/policy";
import type { ReadStore } from "@mailfold/read-store";
import type { PlacedScope } from "../operations/policy-records.ts";
import { entryDifferences } from "./entry-differences.ts";
import type { Between } from "./event-at.ts";
import type { PolicyDifference } from "./policy-difference.ts";
import { type PolicyTimelines, scopesOf } from "./policy-timelines.ts";
import { ruleDifferences } from "./rule-differences.ts";
import { settingDifferences } from "./setting-differences.ts";

/** What of a scope's policy differs between two moments. */
export interface PolicyDiff {
  readonly placed: PlacedScope;
  readonly between: Between;
  readonly differences: readonly PolicyDifference[];
  /** There are more changed list entries than are shown. */
  readonly truncated: boolean;
}

/**
 * Compares a scope's policy at two moments: settings in force, limits, rules, and entries of its lists and of those of the
 * scopes above that the reader may see.
 */
export async function diffPolicy(
  deps: { readonly rows: ReadStore; readonly timelines: PolicyTimelines },
  placed: PlacedScope & { readonly path: ScopePath },
  reading: { readonly between: Between; readonly mayName: (scope: string) => boolean },
): Promise<PolicyDiff> {
  const { rows, timelines } = deps;
  const { path } = placed;
  const { between, mayName } = reading;
  const [before, after] = [await timelines.at(path, between.from), await timelines.at(path, between.to)];
  const sides = { path, before, after, between, mayName };
  const differences = [...settingDifferences(rows, sides), ...ruleDifferences(rows, sides)];
  let truncated = false;
  for (const scope of scopesOf(path)) {
    if (scope !== scopeId(placed.scope) && !mayName(scope)) continue;
    const entries = await entryDifferences(rows, scope, between);
    differences.push(...entries.found);
    truncated ||= entries.truncated;
  }
  return { placed, between, differences, truncated };
}
