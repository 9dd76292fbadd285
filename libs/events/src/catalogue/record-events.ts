import type {
  DomainAdded,
  DomainClaimLapsed,
  DomainRemoved,
  DomainVerified,
  LogCreated,
  LogRestored,
  PolicyLimitsChanged,
  PolicySettingsChanged,
  ResellerCreated,
  SenderEntryAdded,
  SenderEntryRemoved,
  SettingLimit,
  SettingValue,
  TenantCreated,
  TenantResumed,
  TenantSuspended,
  TokenCreated,
  TokenRevoked,
} from "@mailfold/domain";
import { z } from "zod";
import { defineEvent } from "./entry.ts";
import * as f from "./fields.ts";
import { mailboxEvents } from "./mailbox-events.ts";

/** A setting's value, or anything else in JSON. */
export const settingValue: z.ZodType<SettingValue> = z
  .lazy(() =>
    z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(settingValue), z.record(z.string(), settingValue)]),
  )
  .describe("setting value");

const settingLimit: z.ZodType<SettingLimit> = z.union([
  z.strictObject({ locked: z.literal(true) }),
  z.strictObject({
    min: f.optional(z.number()),
    max: f.optional(z.number()),
    allowed: f.optional(z.array(z.union([z.string(), z.number(), z.boolean()]))),
  }),
]);

const platform = {
  LogCreated: defineEvent<LogCreated>({
    name: "LogCreated",
    meaning: "The log begins; first event of every log.",
    categories: ["platform"],
    schema: z.strictObject({ epoch: f.text, at: f.instant }),
  }),
  LogRestored: defineEvent<LogRestored>({
    name: "LogRestored",
    meaning: "A backup was restored: a new epoch begins, positions of the old one mean nothing any more.",
    categories: ["platform"],
    schema: z.strictObject({ epoch: f.text, at: f.instant }),
  }),
  ResellerCreated: defineEvent<ResellerCreated>({
    name: "ResellerCreated",
    meaning: "A reseller exists.",
    categories: ["reseller"],
    schema: z.strictObject({ resellerId: f.resellerId, name: f.text, externalId: f.optional(f.text) }),
    personal: ["name", "externalId"],
  }),
  TokenCreated: defineEvent<TokenCreated>({
    name: "TokenCreated",
    meaning: "A bearer token exists; only the hash of its secret is kept.",
    categories: ["token"],
    schema: z.strictObject({
      tokenId: f.tokenId,
      subject: f.text,
      name: f.text,
      scope: f.tokenScope,
      secretHash: f.sealed,
      expiresAt: f.optional(f.instant),
    }),
    personal: ["name"],
    secret: ["secretHash"],
  }),
  TokenRevoked: defineEvent<TokenRevoked>({
    name: "TokenRevoked",
    meaning: "A bearer token no longer opens anything.",
    categories: ["token"],
    schema: z.strictObject({ tokenId: f.tokenId }),
  }),
} as const;

const tenant = {
  TenantCreated: defineEvent<TenantCreated>({
    name: "TenantCreated",
    meaning: "A customer organisation exists under a reseller.",
    categories: ["tenant"],
    schema: z.strictObject({
      tenantId: f.tenantId,
      resellerId: f.resellerId,
      name: f.text,
      externalId: f.optional(f.text),
    }),
    personal: ["name", "externalId"],
  }),
  TenantSuspended: defineEvent<TenantSuspended>({
    name: "TenantSuspended",
    meaning: "Parts of a tenant's service are off; a second suspension replaces the switches of the first.",
    categories: ["tenant"],
    schema: z.strictObject({
      tenantId: f.tenantId,
      switches: f.switches,
      reason: z.enum(["NON_PAYMENT", "ABUSE", "COMPROMISED", "ADMIN", "MIGRATION"]),
      note: f.optional(f.text),
    }),
    personal: ["note"],
  }),
  TenantResumed: defineEvent<TenantResumed>({
    name: "TenantResumed",
    meaning: "A suspension ended; `restored` are the switches in force before it began.",
    categories: ["tenant"],
    schema: z.strictObject({ tenantId: f.tenantId, restored: f.switches }),
  }),
  DomainAdded: defineEvent<DomainAdded>({
    name: "DomainAdded",
    meaning: "A tenant claims a domain name, unverified.",
    categories: ["domain"],
    schema: z.strictObject({
      domainId: f.domainId,
      tenantId: f.tenantId,
      name: f.text,
      verificationValue: f.text,
    }),
  }),
  DomainVerified: defineEvent<DomainVerified>({
    name: "DomainVerified",
    meaning: "A claim is proven: the domain counts as the tenant's own.",
    categories: ["domain"],
    schema: z.strictObject({
      domainId: f.domainId,
      tenantId: f.tenantId,
      name: f.text,
      method: z.enum(["dns", "platform"]),
    }),
  }),
  DomainRemoved: defineEvent<DomainRemoved>({
    name: "DomainRemoved",
    meaning: "A tenant gave a domain name back; it may be claimed again.",
    categories: ["domain"],
    schema: z.strictObject({ domainId: f.domainId, tenantId: f.tenantId, name: f.text }),
  }),
  DomainClaimLapsed: defineEvent<DomainClaimLapsed>({
    name: "DomainClaimLapsed",
    meaning: "An unverified claim ran out, or yielded to another tenant's proof.",
    categories: ["domain"],
    schema: z.strictObject({
      domainId: f.domainId,
      tenantId: f.tenantId,
      name: f.text,
      cause: z.enum(["expired", "proven-by-other"]),
    }),
  }),
} as const;

const policy = {
  PolicySettingsChanged: defineEvent<PolicySettingsChanged>({
    name: "PolicySettingsChanged",
    meaning: "Settings of a scope were set or unset; unset ones inherit from the scope above.",
    categories: ["policy"],
    schema: z.strictObject({
      scope: f.scope,
      set: z.record(z.string(), settingValue),
      unset: z.array(f.text),
    }),
  }),
  PolicyLimitsChanged: defineEvent<PolicyLimitsChanged>({
    name: "PolicyLimitsChanged",
    meaning:
      "A scope locked or bounded settings for all scopes below it, or lifted that; values set there earlier yield.",
    categories: ["policy"],
    schema: z.strictObject({
      scope: f.scope,
      set: z.record(z.string(), settingLimit),
      unset: z.array(f.text),
    }),
    // Code that skipped it would let scopes below choose what they must not.
    minReader: 2,
  }),
  SenderEntryAdded: defineEvent<SenderEntryAdded>({
    name: "SenderEntryAdded",
    meaning: "A pattern stands on a scope's accept or kill list; the same pattern again replaces expiry and note.",
    categories: ["senderentry"],
    schema: z.strictObject({
      entryId: f.senderEntryId,
      scope: f.scope,
      list: z.enum(["accept", "kill"]),
      pattern: f.text,
      expiresAt: f.optional(f.instant),
      note: f.optional(f.text),
      trustUnverified: f.optional(f.flag),
    }),
    personal: ["pattern", "note"],
  }),
  SenderEntryRemoved: defineEvent<SenderEntryRemoved>({
    name: "SenderEntryRemoved",
    meaning: "A pattern no longer stands on the list.",
    categories: ["senderentry"],
    schema: z.strictObject({
      entryId: f.senderEntryId,
      scope: f.scope,
      list: z.enum(["accept", "kill"]),
      pattern: f.text,
    }),
    personal: ["pattern"],
  }),
} as const;

/** Events that are kept: administration, policy, lists. */
export const recordEvents = { ...platform, ...tenant, ...mailboxEvents, ...policy } as const;
