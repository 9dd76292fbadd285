import type { TokenScope } from "@mailfold/domain";
import type { Actor, EventContext, ResellerId, TenantId } from "@mailfold/kernel";

/** Who asks: a bearer token and what it may see, its subtree. */
export interface Caller {
  /** Outlives a token's rotation: commands are idempotent by it. */
  readonly subject: string;
  readonly tokenId: string;
  readonly name: string;
  readonly scope: TokenScope;
  readonly context: EventContext;
}

/** Where something belongs; neither = the platform's own. */
export interface Belonging {
  readonly tenantId?: TenantId | undefined;
  readonly resellerId?: ResellerId | undefined;
}

/** The caller that Mailfold itself is, e.g. for the demo tenant of a first start. */
export function systemCaller(name: string): Caller {
  return { subject: `system:${name}`, tokenId: name, name, scope: { kind: "platform" }, context: {} };
}

/** Whether something lies within the caller's subtree. */
export function mayReach(caller: Caller, belonging: Belonging): boolean {
  switch (caller.scope.kind) {
    case "platform":
      return true;
    case "reseller":
      return belonging.resellerId === caller.scope.id;
    case "tenant":
      return belonging.tenantId === caller.scope.id;
  }
}

/** The caller as events name it. */
export function actorOf(caller: Caller): Actor {
  if (caller.subject.startsWith("system:")) return { type: "system", id: caller.tokenId };
  return {
    type: caller.scope.kind,
    id: caller.tokenId,
    name: caller.name,
    auth: { method: "token", tokenId: caller.tokenId },
  };
}
