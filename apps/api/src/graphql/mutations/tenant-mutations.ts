import type { SuspensionReason } from "@mailfold/domain";
import { builder } from "../builder.ts";
import { domainRef, resellerRef, tenantRef } from "../objects/directory-objects.ts";
import { commandFields } from "./input-fields.ts";
import { payloadOf } from "./payload.ts";

const reasons = {
  NON_PAYMENT: { value: "NON_PAYMENT" },
  ABUSE: { value: "ABUSE" },
  COMPROMISED: { value: "COMPROMISED" },
  ADMIN: { value: "ADMIN" },
  MIGRATION: { value: "MIGRATION" },
} as const satisfies Record<SuspensionReason, { value: SuspensionReason }>;
export const suspensionReason = builder.enumType("SuspensionReason", { values: reasons });

const resellerCreateInput = builder.inputType("ResellerCreateInput", {
  fields: (t) => ({ name: t.string({ required: true }), externalId: t.string(), ...commandFields(t) }),
});
const tenantCreateInput = builder.inputType("TenantCreateInput", {
  fields: (t) => ({
    resellerId: t.id({ required: true }),
    name: t.string({ required: true }),
    externalId: t.string({ description: "Unique within the reseller." }),
    ...commandFields(t),
  }),
});
const switchesInput = builder.inputType("SuspensionSwitchesInput", {
  description: "What to switch off. Defaults: login, submission and forwarding true, inbound false.",
  fields: (t) => ({ login: t.boolean(), submission: t.boolean(), inbound: t.boolean(), forwarding: t.boolean() }),
});
const tenantSuspendInput = builder.inputType("TenantSuspendInput", {
  fields: (t) => ({
    tenantId: t.id({ required: true }),
    reason: t.field({ type: suspensionReason, required: true }),
    note: t.string(),
    switches: t.field({ type: switchesInput }),
    ...commandFields(t),
  }),
});
const tenantResumeInput = builder.inputType("TenantResumeInput", {
  fields: (t) => ({ tenantId: t.id({ required: true }), ...commandFields(t) }),
});
const domainAddInput = builder.inputType("DomainAddInput", {
  fields: (t) => ({ tenantId: t.id({ required: true }), name: t.string({ required: true }), ...commandFields(t) }),
});
const verificationMethod = builder.enumType("DomainVerificationMethod", {
  values: {
    DNS: { value: "dns", description: "Look for the TXT record." },
    PLATFORM: { value: "platform", description: "Vouched for; platform tokens only." },
  },
} as const);
const domainVerifyInput = builder.inputType("DomainVerifyInput", {
  fields: (t) => ({
    domainId: t.id({ required: true }),
    method: t.field({ type: verificationMethod, description: "Default DNS." }),
    ...commandFields(t),
  }),
});
const domainRemoveInput = builder.inputType("DomainRemoveInput", {
  fields: (t) => ({ domainId: t.id({ required: true }), ...commandFields(t) }),
});

builder.mutationFields((t) => ({
  resellerCreate: t.field({
    type: payloadOf("ResellerCreate", "reseller", resellerRef),
    description: "Platform tokens only.",
    args: { input: t.arg({ type: resellerCreateInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.resellerCreate(caller, input),
  }),
  tenantCreate: t.field({
    type: payloadOf("TenantCreate", "tenant", tenantRef),
    description: "Platform and reseller tokens.",
    args: { input: t.arg({ type: tenantCreateInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.tenantCreate(caller, input),
  }),
  tenantSuspend: t.field({
    type: payloadOf("TenantSuspend", "tenant", tenantRef),
    description: "Platform and reseller tokens. While suspended, replaces the switches.",
    args: { input: t.arg({ type: tenantSuspendInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.tenantSuspend(caller, input),
  }),
  tenantResume: t.field({
    type: payloadOf("TenantResume", "tenant", tenantRef),
    description: "Platform and reseller tokens. Restores exactly what was before.",
    args: { input: t.arg({ type: tenantResumeInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.tenantResume(caller, input),
  }),
  domainAdd: t.field({
    type: payloadOf("DomainAdd", "domain", domainRef),
    description: "Claims a name. Unverified it may receive mail; it counts as the tenant's own once verified.",
    args: { input: t.arg({ type: domainAddInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.domainAdd(caller, input),
  }),
  domainVerify: t.field({
    type: payloadOf("DomainVerify", "domain", domainRef),
    args: { input: t.arg({ type: domainVerifyInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.domainVerify(caller, input),
  }),
  domainRemove: t.field({
    type: payloadOf("DomainRemove", "domain", domainRef),
    args: { input: t.arg({ type: domainRemoveInput, required: true }) },
    resolve: (_root, { input }, { api, caller }) => api.operations.domainRemove(caller, input),
  }),
}));
