import { type SettingLimit, type SettingValue, sameValue } from "@mailfold/domain";
import type { CompiledPolicy, EffectiveSetting, ScopePath } from "@mailfold/policy";
import type { ReadStore } from "@mailfold/read-store";
import { type Between, changeBetween } from "./event-at.ts";
import type { PolicyDifference, PolicyStand } from "./policy-difference.ts";

/** Both sides of a comparison along one path of scopes. */
export interface Sides {
  readonly path: ScopePath;
  readonly before: CompiledPolicy;
  readonly after: CompiledPolicy;
  readonly between: Between;
  /** Whether a scope lies in the reader's subtree. */
  readonly mayName: (scope: string) => boolean;
}

/** Settings in force, and limits on them, that differ; inherited ones with the scope where they are set. Rules are not here. */
export function settingDifferences(rows: ReadStore, sides: Sides): readonly PolicyDifference[] {
  const { path, between } = sides;
  const then = new Map(sides.before.effective(path).map((setting) => [setting.name, setting]));
  const found: PolicyDifference[] = [];
  for (const now of sides.after.effective(path)) {
    const before = then.get(now.name);
    const { name } = now;
    const pairs = [
      ["setting", "settings", standOf(before, sides), standOf(now, sides)],
      ["limit", "limits", limitAbove(before, sides), limitAbove(now, sides)],
      ["limit", "limits", limitOwn(before, sides), limitOwn(now, sides)],
    ] as const;
    for (const [part, table, left, right] of pairs) {
      if ((part === "setting" && name === "rules") || sameStand(left, right)) continue;
      const changedBy = changeBetween(rows, { table, name, before: left, after: right }, between);
      found.push({ part, name, before: left, after: right, changedBy });
    }
  }
  return found;
}

function standOf(setting: EffectiveSetting | undefined, { mayName }: Sides): PolicyStand | undefined {
  if (setting === undefined) return undefined;
  const { value, setAtScope, byEvent } = setting;
  return { value, scope: setAtScope, shown: mayName(setAtScope), byEvent };
}

function limitValue(limit: { readonly locked: boolean; readonly bound?: unknown }): unknown {
  return limit.locked ? { locked: true } : limit.bound;
}

function limitAbove(setting: EffectiveSetting | undefined, { mayName }: Sides): PolicyStand | undefined {
  const limit = setting?.limit;
  if (limit === undefined) return undefined;
  const { setAtScope, byEvent } = limit;
  return { value: limitValue(limit), scope: setAtScope, shown: mayName(setAtScope), byEvent };
}

function limitOwn(setting: EffectiveSetting | undefined, { path }: Sides): PolicyStand | undefined {
  const limit = setting?.limitBelow;
  if (limit === undefined) return undefined;
  const scope = path.mailboxId ?? path.domainId ?? path.tenantId ?? path.resellerId ?? "platform";
  return { value: limitValue(limit), scope, shown: true, byEvent: limit.byEvent };
}

/** The same value from the same place, as far as the reader sees places: the same value set again is no difference. */
function sameStand(a: PolicyStand | undefined, b: PolicyStand | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const place = (stand: PolicyStand) => (stand.shown ? stand.scope : "");
  return place(a) === place(b) && sameValue(a.value as SettingValue | SettingLimit, b.value as SettingValue);
}
