import type {
  AddressEvent,
  ListingEvent,
  MailboxEvent,
  MailDomainEvent,
  PardonEvent,
  PlatformEvent,
  PolicyEvent,
  ResellerEvent,
  SenderEntryEvent,
  ShadowEvent,
  TenantEvent,
  TokenEvent,
} from "@mailfold/domain";
import { lifeClassOf } from "@mailfold/events";
import { type RecordedEvent, type RowChange, type RowsProjection, streamCategory, streamKey } from "@mailfold/kernel";
import { summaryOf } from "./event-summary.ts";

type AdminEvent =
  | AddressEvent
  | ListingEvent
  | MailboxEvent
  | MailDomainEvent
  | PardonEvent
  | PlatformEvent
  | PolicyEvent
  | ResellerEvent
  | SenderEntryEvent
  | ShadowEvent
  | TenantEvent
  | TokenEvent;

/** Every event an admin may ask about. The type checker asks for a new one to be added here. */
const audited: Readonly<Record<AdminEvent["type"], true>> = {
  AddressClaimed: true,
  AddressReleased: true,
  AliasAdded: true,
  AliasRemoved: true,
  MailboxCreated: true,
  MailboxUpdated: true,
  MailboxPasswordSet: true,
  MailboxSuspended: true,
  MailboxResumed: true,
  MailboxDeleted: true,
  MailboxRestored: true,
  DomainAdded: true,
  DomainVerified: true,
  DomainRemoved: true,
  DomainClaimLapsed: true,
  LogCreated: true,
  LogRestored: true,
  IpDenied: true,
  PolicyLimitsChanged: true,
  PolicySettingsChanged: true,
  ResellerCreated: true,
  SenderEntryAdded: true,
  SenderEntryRemoved: true,
  SenderListed: true,
  SenderDelisted: true,
  SenderPardoned: true,
  PardonLifted: true,
  ShadowStarted: true,
  ShadowPromoted: true,
  ShadowDropped: true,
  TenantCreated: true,
  TenantSuspended: true,
  TenantResumed: true,
  TokenCreated: true,
  TokenRevoked: true,
};

function auditRow(event: RecordedEvent): readonly RowChange[] {
  const { tenantId, resellerId, actor, context, commandId } = event.metadata;
  return [
    {
      put: "entries",
      row: {
        position: event.position,
        eventId: event.id,
        type: event.type,
        stream: event.stream,
        revision: event.revision,
        category: streamCategory(event.stream),
        subjectId: streamKey(event.stream),
        tenantId: tenantId ?? null,
        resellerId: resellerId ?? null,
        actorType: actor.type,
        actorId: actor.id,
        actorName: actor.name ?? null,
        onBehalfOf: actor.onBehalfOf ?? null,
        commandId: commandId ?? null,
        ip: context?.ip ?? null,
        requestId: context?.requestId ?? null,
        at: event.occurredAt,
        // What is recorded was done; a denial is what was refused.
        outcome: event.type === "IpDenied" ? "failure" : "success",
        summary: summaryOf(event),
        expiringPosition: lifeClassOf(event.stream) === "traffic" ? event.position : null,
      },
    },
  ];
}

/** What admins did, and which peers were denied: one row per event, in the log's order. Mail content is not here. */
export const auditTrail: RowsProjection = {
  name: "audit-trail",
  version: 2,
  tables: [
    {
      name: "entries",
      key: ["position"],
      columns: {
        position: "text",
        eventId: "text",
        type: "text",
        stream: "text",
        revision: "integer",
        category: "text",
        subjectId: "text",
        tenantId: "text",
        resellerId: "text",
        actorType: "text",
        actorId: "text",
        actorName: "text",
        onBehalfOf: "text",
        commandId: "text",
        ip: "text",
        requestId: "text",
        at: "integer",
        outcome: "text",
        summary: "text",
        expiringPosition: "text",
      },
      // Rows come back in position order, which the key adds to each index.
      indexes: [["tenantId"], ["resellerId"], ["type"], ["actorId"], ["stream"], ["eventId"], ["at"]],
      expiringBy: "expiringPosition",
    },
  ],
  handles: Object.keys(audited),
  project: auditRow,
};
