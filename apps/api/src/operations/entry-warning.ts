import { type CompiledPolicy, relayLockOf, validateSenderEntry } from "@mailfold/policy";
import type { Caller } from "../caller.ts";
import { hiddenScope } from "../explain/mask-facts.ts";
import type { VisibleDirectory } from "../visible-directory.ts";
import { mayNameScope, placeStoredScope } from "./placed-scope.ts";
import type { ShownSenderEntry } from "./policy-records.ts";

/** What is at hand of a reader and of the policy in force. */
interface Reading {
  readonly caller: Caller;
  readonly policy: CompiledPolicy;
  readonly view: VisibleDirectory;
}

/**
 * What whoever set an entry should know, by the policy in force: that it opens more or less than its words say. A lock above
 * the reader's own subtree is told without where it is set.
 */
export function entryWarning(entry: ShownSenderEntry, { caller, policy, view }: Reading): string | undefined {
  const { list, pattern, scope, trustUnverified } = entry;
  if (list === "learned") return undefined;
  const placed = placeStoredScope(view, caller, scope);
  if (placed === undefined) return undefined;
  const found = relayLockOf(policy, placed.path);
  const lock = found && {
    setting: found.setting,
    scope: mayNameScope(caller, found.setAtScope, placed) ? found.setAtScope : hiddenScope,
  };
  // Without its unlock a trusting entry has no effect, but may have been set before.
  const checked = validateSenderEntry(
    { list, pattern, scopeKind: scope.kind, trustUnverified },
    { unlocked: ["trustUnverified"], lock },
  );
  return "problem" in checked ? undefined : checked.warning;
}
