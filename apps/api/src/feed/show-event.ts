import type { Actor, EventMetadata, MailboxId, RecordedEvent } from "@mailfold/kernel";
import type { TraceLine } from "@mailfold/policy";
import { type Caller, mayReach } from "../caller.ts";
import { hiddenScope, isOutsider, maskFacts, maskLine } from "../explain/mask-facts.ts";
import { scopeNaming } from "../explain/scope-naming.ts";
import type { ApiDeps } from "../ports.ts";

const ranks: Readonly<Record<string, number>> = { platform: 2, reseller: 1, tenant: 0 };

/**
 * An event as this caller may see it: no secrets; of an actor above the caller's subtree its kind and id, but neither its
 * name nor where it sat; another tenant's mailbox reads like a peer elsewhere; of a verdict's facts and decisive line only
 * what `explain` would show.
 */
export function showEvent(
  deps: Pick<ApiDeps, "redactSecrets" | "directory">,
  caller: Caller,
  event: RecordedEvent,
): RecordedEvent {
  const shown = maskJudgement(deps, caller, deps.redactSecrets(event));
  const { actor } = event.metadata;
  const isAbove = (ranks[actor.type] ?? -1) > (ranks[caller.scope.kind] ?? 0);
  if (!isAbove) return withPeer(deps, caller, shown);
  const { context: _place, ...rest } = shown.metadata;
  const metadata: EventMetadata = { ...rest, actor: { type: actor.type, id: actor.id } };
  return { ...shown, metadata };
}

/** Mail of a login of another tenant came from a peer, as far as the caller may know. */
function withPeer({ directory }: Pick<ApiDeps, "directory">, caller: Caller, event: RecordedEvent): RecordedEvent {
  const { actor, context } = event.metadata;
  const mailbox = actor.type === "mailbox" ? directory.mailbox(actor.id as MailboxId) : undefined;
  if (mailbox === undefined || mayReach(caller, mailbox)) return event;
  const peer: Actor = { type: "peer", id: context?.ip ?? "" };
  return { ...event, metadata: { ...event.metadata, actor: peer } };
}

/** A verdict or a held copy tells of everyone whom the policy looked at: what is another tenant's stays hidden. */
function maskJudgement({ directory }: Pick<ApiDeps, "directory">, caller: Caller, event: RecordedEvent): RecordedEvent {
  // What shadows came to, their own administrators read in their reports.
  const { policyEvent: _above, shadows: _theirs, ...data } = event.data as Readonly<Record<string, unknown>>;
  if (caller.scope.kind === "platform" || data.facts === undefined) return event;
  const mayName = scopeNaming(directory, caller, event.metadata.tenantId);
  const reader = { mayName, isOutsider: isOutsider(caller, data.facts) };
  const { scope, decisiveLine } = data;
  return {
    ...event,
    data: {
      ...data,
      facts: maskFacts(caller, data.facts),
      ...(typeof scope === "string" ? { scope: mayName(scope) ? scope : hiddenScope } : {}),
      ...(decisiveLine === undefined ? {} : { decisiveLine: maskLine(decisiveLine as TraceLine, reader) }),
    },
  };
}
