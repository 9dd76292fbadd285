import { type Scope, type SettingBound, scopeId } from "@mailfold/domain";
import { idFromUuid } from "@mailfold/ids";
import type { EffectiveSetting } from "@mailfold/policy";
import type { Caller } from "../../caller.ts";
import { entryWarning } from "../../operations/entry-warning.ts";
import { mayNameScope } from "../../operations/placed-scope.ts";
import type { EffectivePolicy, PlacedScope, ShownSenderEntry } from "../../operations/policy-records.ts";
import { builder } from "../builder.ts";
import { visible } from "./directory-objects.ts";

export const senderListEnum = builder.enumType("SenderListName", {
  values: {
    ACCEPT: { value: "accept" },
    KILL: { value: "kill" },
    LEARNED: { value: "learned", description: "Learned from evidence; nobody adds or removes entries." },
  },
} as const);

const scopeKind = builder.enumType("ScopeKind", {
  values: {
    PLATFORM: { value: "platform" },
    RESELLER: { value: "reseller" },
    TENANT: { value: "tenant" },
    DOMAIN: { value: "domain" },
    MAILBOX: { value: "mailbox" },
  },
} as const);

/** A place where settings and entries live. */
export const scopeRef = builder.objectRef<Scope>("Scope").implement({
  description: "A place where settings and entries live.",
  fields: (t) => ({
    kind: t.field({ type: scopeKind, resolve: (scope) => scope.kind }),
    id: t.id({ nullable: true, resolve: (scope) => (scope.kind === "platform" ? null : scope.id) }),
  }),
});

export const senderEntryRef = builder.objectRef<ShownSenderEntry>("SenderEntry");
builder.node(senderEntryRef, {
  description: "An entry of an accept or kill list, or a learned listing.",
  id: { resolve: (entry) => entry.entryId },
  isTypeOf: (value) => typeof value === "object" && value !== null && "entryId" in value && "pattern" in value,
  fields: (t) => ({
    scope: t.field({ type: scopeRef, resolve: (entry) => entry.scope }),
    list: t.field({ type: senderListEnum, resolve: (entry) => entry.list }),
    pattern: t.exposeString("pattern"),
    expiresAt: t.expose("expiresAt", { type: "DateTime", nullable: true }),
    note: t.exposeString("note", { nullable: true }),
    trustUnverified: t.exposeBoolean("trustUnverified"),
    warning: t.string({
      nullable: true,
      description:
        "What the entry does beside its words by the policy in force, such as that it does not open relaying.",
      resolve: (entry, _args, context) =>
        entryWarning(entry, {
          caller: context.caller,
          policy: context.api.deps.policy.current(),
          view: visible(context),
        }) ?? null,
    }),
    event: t.id({ description: "The event that set it.", resolve: (entry) => idFromUuid("event", entry.byEvent) }),
  }),
});

/** A limit with what the reader may know of where it is set. */
interface ShownLimit {
  /** Scope id, `platform`, or `platform policy`. */
  readonly scope: string;
  /** UUID. */
  readonly byEvent: string | undefined;
  readonly locked: boolean;
  readonly bound: SettingBound;
}

/** A setting with what the reader may know of where it is set. */
interface ShownSetting {
  readonly setting: EffectiveSetting;
  readonly shown: boolean;
  readonly limit: ShownLimit | null;
  readonly limitBelow: ShownLimit | null;
}

const aboveReader = "platform policy";
const scopeText = "Scope id, `platform`, or `platform policy` for a scope above the reader's own subtree.";

const limitRef = builder.objectRef<ShownLimit>("SettingLimit").implement({
  description: "What a scope leaves of a setting to the scopes below it: nothing (`locked`), or a bound.",
  fields: (t) => ({
    scope: t.exposeString("scope", { description: scopeText }),
    event: t.id({
      nullable: true,
      description: "The event that set it, within the reader's own subtree.",
      resolve: ({ byEvent }) => (byEvent === undefined ? null : idFromUuid("event", byEvent)),
    }),
    locked: t.exposeBoolean("locked", { description: "Nobody below may set it." }),
    min: t.field({ type: "Long", nullable: true, resolve: ({ bound }) => bound.min ?? null }),
    max: t.field({ type: "Long", nullable: true, resolve: ({ bound }) => bound.max ?? null }),
    allowed: t.field({
      type: "JSON",
      nullable: true,
      description: "A list of the values that may be chosen.",
      resolve: ({ bound }) => bound.allowed ?? null,
    }),
  }),
});

const settingRef = builder.objectRef<ShownSetting>("EffectiveSetting").implement({
  description: "A setting in force, and where it is set.",
  fields: (t) => ({
    name: t.string({ resolve: ({ setting }) => setting.name }),
    value: t.field({ type: "JSON", nullable: true, resolve: ({ setting }) => setting.value }),
    scope: t.string({
      description: "Scope id, `platform`, `default`, or `platform policy` for a scope above the reader's own subtree.",
      resolve: ({ setting, shown }) => (shown ? setting.setAtScope : aboveReader),
    }),
    event: t.id({
      nullable: true,
      description: "The event that set it, within the reader's own subtree.",
      resolve: ({ setting, shown }) =>
        shown && setting.byEvent !== undefined ? idFromUuid("event", setting.byEvent) : null,
    }),
    warning: t.string({ nullable: true, resolve: ({ setting }) => setting.warning ?? null }),
    limit: t.field({
      type: limitRef,
      nullable: true,
      description:
        "What the scopes above leave to this one: the widest that locks the setting, else the widest that bounds it with the bounds of all together.",
      resolve: ({ limit }) => limit,
    }),
    limitBelow: t.field({
      type: limitRef,
      nullable: true,
      description: "What this scope itself leaves to the scopes below it.",
      resolve: ({ limitBelow }) => limitBelow,
    }),
  }),
});

function showSetting(setting: EffectiveSetting, placed: PlacedScope, caller: Caller): ShownSetting {
  const mayName = (scope: string) => mayNameScope(caller, scope, placed);
  const { limit, limitBelow } = setting;
  const named = limit !== undefined && mayName(limit.setAtScope);
  return {
    setting,
    shown: mayName(setting.setAtScope),
    limit:
      limit === undefined
        ? null
        : {
            scope: named ? limit.setAtScope : aboveReader,
            byEvent: named ? limit.byEvent : undefined,
            locked: limit.locked,
            bound: limit.bound ?? {},
          },
    limitBelow:
      limitBelow === undefined ? null : { ...limitBelow, scope: scopeId(placed.scope), bound: limitBelow.bound ?? {} },
  };
}

export const effectivePolicyRef = builder.objectRef<EffectivePolicy>("EffectivePolicy").implement({
  description: "All settings in force at a scope.",
  fields: (t) => ({
    scope: t.field({ type: scopeRef, resolve: (policy) => policy.placed.scope }),
    settings: t.field({
      type: [settingRef],
      resolve: ({ settings, placed }, _args, { caller }) =>
        settings.map((setting) => showSetting(setting, placed, caller)),
    }),
  }),
});
