import type {
  AddressEvent,
  MailboxEvent,
  MailDomainEvent,
  ResellerEvent,
  SuspensionSwitches,
  TenantEvent,
  TokenEvent,
} from "@mailfold/domain";
import {
  type DomainId,
  projectWith,
  type RecordedEvent,
  type RowChange,
  type RowHandlers,
  type RowsProjection,
  type TenantId,
} from "@mailfold/kernel";
import { mailboxHandlers } from "./mailbox-rows.ts";
import { orNull } from "./or-null.ts";
import { directoryTables, recordHistory } from "./tables.ts";

function switchColumns(switches: SuspensionSwitches) {
  return {
    loginOff: Number(switches.login),
    submissionOff: Number(switches.submission),
    inboundOff: Number(switches.inbound),
    forwardingOff: Number(switches.forwarding),
  };
}

const accountHandlers: RowHandlers<ResellerEvent | TenantEvent> = {
  ResellerCreated: (event) => {
    const { resellerId, name, externalId } = event.data;
    const row = { resellerId, name: orNull(name), externalId: orNull(externalId), createdAt: event.occurredAt };
    return [
      { put: "resellers", row: { ...row, createdPosition: event.position, fromPosition: event.position } },
      ...recordHistory(event, resellerId, { profile: { name, externalId } }),
    ];
  },
  TenantCreated: (event) => {
    const { tenantId, resellerId, name, externalId } = event.data;
    const switches = { login: false, submission: false, inbound: false, forwarding: false };
    const row = { tenantId, resellerId, name: orNull(name), externalId: orNull(externalId), suspended: 0 };
    return [
      {
        put: "tenants",
        row: {
          ...row,
          ...switchColumns(switches),
          createdAt: event.occurredAt,
          createdPosition: event.position,
          fromPosition: event.position,
        },
      },
      ...recordHistory(event, tenantId, { profile: { resellerId, name, externalId }, switches }),
    ];
  },
  TenantSuspended: (event) => {
    const { tenantId, switches, reason } = event.data;
    const set = { ...switchColumns(switches), suspended: 1, suspensionReason: reason, fromPosition: event.position };
    return [
      { patch: "tenants", where: { tenantId }, set },
      ...recordHistory(event, tenantId, { switches: { ...switches, reason } }),
    ];
  },
  TenantResumed: (event) => {
    const { tenantId, restored } = event.data;
    const suspended = Number(Object.values(restored).some(Boolean));
    const set = { ...switchColumns(restored), suspended, suspensionReason: null, fromPosition: event.position };
    return [{ patch: "tenants", where: { tenantId }, set }, ...recordHistory(event, tenantId, { switches: restored })];
  },
};

const domainHandlers: RowHandlers<MailDomainEvent> = {
  DomainAdded: (event) => {
    const { domainId, tenantId, name, verificationValue } = event.data;
    const row = { domainId, tenantId, resellerId: orNull(event.metadata.resellerId), name, verificationValue };
    return [
      {
        put: "domains",
        row: {
          ...row,
          status: "active",
          verified: 0,
          addedAt: event.occurredAt,
          createdPosition: event.position,
          endedPosition: null,
          fromPosition: event.position,
        },
      },
      ...recordHistory(event, domainId, { status: { name, tenantId, status: "active", verified: false } }),
    ];
  },
  DomainVerified: (event) => {
    const { domainId, tenantId, name } = event.data;
    return [
      { patch: "domains", where: { domainId }, set: { verified: 1, fromPosition: event.position } },
      { put: "domain_holders", row: { name, tenantId, fromPosition: event.position } },
      ...recordHistory(event, domainId, { status: { name, tenantId, status: "active", verified: true } }),
    ];
  },
  DomainRemoved: (event) => claimEnded(event, event.data, "removed"),
  DomainClaimLapsed: (event) => claimEnded(event, event.data, "lapsed"),
};

function claimEnded(
  event: RecordedEvent,
  claim: { readonly domainId: DomainId; readonly tenantId: TenantId; readonly name: string },
  status: "removed" | "lapsed",
): readonly RowChange[] {
  const { domainId, tenantId, name } = claim;
  const set = { status, verified: 0, endedPosition: event.position, fromPosition: event.position };
  return [
    { patch: "domains", where: { domainId }, set },
    ...recordHistory(event, domainId, { status: { name, tenantId, status, verified: false } }),
  ];
}

const tokenHandlers: RowHandlers<TokenEvent> = {
  TokenCreated: (event) => {
    const { tokenId, subject, name, scope, secretHash, expiresAt } = event.data;
    const scopeId = scope.kind === "platform" ? null : scope.id;
    const row = { tokenId, subject, name: orNull(name), scopeKind: scope.kind, scopeId, revoked: 0 };
    return [
      {
        put: "tokens",
        row: {
          ...row,
          secretHash: JSON.stringify(secretHash),
          expiresAt: orNull(expiresAt),
          createdAt: event.occurredAt,
          createdPosition: event.position,
          fromPosition: event.position,
        },
      },
      ...recordHistory(event, tokenId, { token: { subject, name, scope, expiresAt, revoked: false } }),
    ];
  },
  TokenRevoked: (event) => {
    const { tokenId } = event.data;
    return [
      { patch: "tokens", where: { tokenId }, set: { revoked: 1, fromPosition: event.position } },
      ...recordHistory(event, tokenId, { revoked: true }),
    ];
  },
};

type DirectoryEvent = ResellerEvent | TenantEvent | MailDomainEvent | MailboxEvent | AddressEvent | TokenEvent;

const handlers: RowHandlers<DirectoryEvent> = {
  ...accountHandlers,
  ...domainHandlers,
  ...mailboxHandlers,
  ...tokenHandlers,
};

/** Resellers, tenants, domains, mailboxes, aliases, addresses and tokens as they stand, and what stood before. */
export const directoryProjection: RowsProjection = {
  name: "directory",
  version: 2,
  tables: directoryTables,
  handles: Object.keys(handlers),
  project: (event) => projectWith<DirectoryEvent>(handlers, event),
};
