import { type Clock, type Position, type Row, startOfLog } from "@mailfold/kernel";
import { type CompiledPolicy, emptyPolicy } from "@mailfold/policy";
import { policyFromRows, policyIndex } from "@mailfold/projection-policy-index";
import type { ReadStore } from "@mailfold/read-store";

const pageRows = 1_000;

/** A policy, and how far into the log it goes: later events are still to be applied. */
export interface LoadedPolicy {
  readonly policy: CompiledPolicy;
  readonly position: Position;
}

/**
 * Compiles the policy from the policy-index rows of the last run: they hold it as of a position, without unsealing and
 * parsing every event that led there. Rows may move on while they are read; applying an event again changes nothing.
 * Where the view has no rows to trust (new, rebuilding, parked), the answer is the empty policy at the start of the log.
 */
export async function loadPolicy(
  rows: Pick<ReadStore, "status" | "get" | "selectAsync">,
  clock: Clock,
): Promise<LoadedPolicy> {
  const view = rows.status().find(({ name }) => name === policyIndex.name);
  if (view?.state !== "running" || view.position === startOfLog) return { policy: emptyPolicy(), position: startOfLog };
  const all = async (table: string, key: readonly string[], current: Row): Promise<readonly Row[]> => {
    const found: Row[] = [];
    for (;;) {
      const last = found.at(-1);
      const after =
        last === undefined ? {} : { after: Object.fromEntries(key.map((column) => [column, last[column] ?? null])) };
      const page = await rows.selectAsync(policyIndex, table, {
        where: current,
        orderBy: key,
        limit: pageRows,
        ...after,
      });
      found.push(...page);
      if (page.length < pageRows) return found;
    }
  };
  const settings = await all("settings", ["scope", "name", "fromPosition"], { current: 1 });
  const limits = await all("limits", ["scope", "name", "fromPosition"], { current: 1 });
  const entries = await all("entries", ["entryId", "fromPosition"], { current: 1 });
  const listings = await all("listings", ["listingId", "fromPosition"], { current: 1 });
  const denials = (await all("denials", ["prefix"], {})).filter((row) => Number(row.until) > clock.now());
  const revision = rows.get(policyIndex, "revision", { name: "policy" });
  return {
    policy: policyFromRows({ settings, limits, entries, listings, denials, revision }),
    position: view.position,
  };
}
