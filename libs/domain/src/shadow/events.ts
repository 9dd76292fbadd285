import type { DomainEvent, ShadowId } from "@mailfold/kernel";
import type { SettingValue } from "../policy/events.ts";
import type { Scope } from "../scope.ts";

/** A change of a scope's policy as it is stored: libs/policy PolicyChange, canonical. */
export type ShadowChange = Readonly<Record<string, SettingValue>>;

/** Changes are judged beside the policy in force, for the mail of a scope's subtree, and decide nothing. */
export type ShadowStarted = DomainEvent<
  "ShadowStarted",
  {
    readonly shadowId: ShadowId;
    readonly scope: Scope;
    /** Null once the tenant's key was erased. */
    readonly changes: readonly ShadowChange[];
    /** Milliseconds since the epoch: from then on it is judged no more, whether or not an event has said so. */
    readonly expiresAt: number;
    readonly note?: string;
  }
>;
/** The changes were made in earnest, by the events beside this one. */
export type ShadowPromoted = DomainEvent<"ShadowPromoted", { readonly shadowId: ShadowId; readonly scope: Scope }>;
export type ShadowDropped = DomainEvent<"ShadowDropped", { readonly shadowId: ShadowId; readonly scope: Scope }>;
export type ShadowEvent = ShadowStarted | ShadowPromoted | ShadowDropped;
