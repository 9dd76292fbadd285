import type { EventMetadata, RecordedEvent } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import type { ApiDeps } from "../ports.ts";

const ranks: Readonly<Record<string, number>> = { platform: 2, reseller: 1, tenant: 0 };

/**
 * An event as this caller may see it: no secrets; of an actor above the caller's subtree its kind and id, but neither its
 * name nor where it sat.
 */
export function showEvent(deps: Pick<ApiDeps, "redactSecrets">, caller: Caller, event: RecordedEvent): RecordedEvent {
  const shown = deps.redactSecrets(event);
  const { actor } = event.metadata;
  const isAbove = (ranks[actor.type] ?? -1) > (ranks[caller.scope.kind] ?? 0);
  if (!isAbove) return shown;
  const { context: _place, ...rest } = shown.metadata;
  const metadata: EventMetadata = { ...rest, actor: { type: actor.type, id: actor.id } };
  return { ...shown, metadata };
}
