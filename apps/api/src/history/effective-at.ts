import type { Position } from "@mailfold/kernel";
import type { CompiledPolicy, ScopePath } from "@mailfold/policy";
import { settingsAt } from "@mailfold/projection-policy-index";
import type { OperationDeps } from "../ports.ts";

/** Ids of the scopes along a path, narrowest first. */
export function scopesOf({ mailboxId, domainId, tenantId, resellerId }: ScopePath): readonly string[] {
  return [mailboxId, domainId, tenantId, resellerId, "platform"].filter((id) => id !== undefined);
}

/** Settings, limits and rules along a path as they were at a position; undefined = as they are. Lists are not in it. */
export function policyOn(
  deps: Pick<OperationDeps, "rows" | "policy">,
  path: ScopePath,
  position: Position | undefined,
): CompiledPolicy {
  return position === undefined ? deps.policy.current() : settingsAt(deps.rows, scopesOf(path), position);
}
