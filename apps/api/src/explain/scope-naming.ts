import type { Directory } from "@mailfold/projection-directory";
import type { Caller } from "../caller.ts";
import { createVisibleDirectory } from "../visible-directory.ts";

/** Which scope ids a reader may see named: those of its own subtree. `tenantId` = the tenant that the matter belongs to. */
export function scopeNaming(
  directory: Directory,
  caller: Caller,
  tenantId: string | undefined,
): (scope: string) => boolean {
  if (caller.scope.kind === "platform") return () => true;
  const view = createVisibleDirectory(directory, caller);
  return (scope) => {
    if (scope === "default" || scope === tenantId) return true;
    return [view.reseller, view.tenant, view.domain, view.mailbox].some((find) => find(scope) !== undefined);
  };
}
