import type { RecordedEvent, RowChange, TableSpec } from "@mailfold/kernel";

/** Tables of the directory. Rows say by fromPosition since when they stand; `history` keeps what stood before. */
export const directoryTables: readonly TableSpec[] = [
  {
    name: "resellers",
    key: ["resellerId"],
    columns: {
      resellerId: "text",
      name: "text",
      externalId: "text",
      createdAt: "integer",
      createdPosition: "text",
      fromPosition: "text",
    },
    indexes: [["externalId"]],
  },
  {
    name: "tenants",
    key: ["tenantId"],
    columns: {
      tenantId: "text",
      resellerId: "text",
      name: "text",
      externalId: "text",
      loginOff: "integer",
      submissionOff: "integer",
      inboundOff: "integer",
      forwardingOff: "integer",
      suspended: "integer",
      suspensionReason: "text",
      createdAt: "integer",
      createdPosition: "text",
      fromPosition: "text",
    },
    indexes: [["resellerId", "externalId"]],
  },
  {
    // Rows of removed and lapsed claims stay, with their status and the position where they ended.
    name: "domains",
    key: ["domainId"],
    columns: {
      domainId: "text",
      tenantId: "text",
      resellerId: "text",
      name: "text",
      status: "text",
      verified: "integer",
      verificationValue: "text",
      addedAt: "integer",
      createdPosition: "text",
      endedPosition: "text",
      fromPosition: "text",
    },
    indexes: [
      ["name", "status"],
      ["tenantId", "status"],
    ],
  },
  {
    // Who ever held a name verified. Rows stay when the domain goes.
    name: "domain_holders",
    key: ["name", "tenantId"],
    columns: { name: "text", tenantId: "text", fromPosition: "text" },
  },
  {
    name: "mailboxes",
    key: ["mailboxId"],
    columns: {
      mailboxId: "text",
      tenantId: "text",
      resellerId: "text",
      domainId: "text",
      address: "text",
      displayName: "text",
      quotaBytes: "integer",
      verifier: "text",
      suspended: "integer",
      suspensionReason: "text",
      deleted: "integer",
      createdAt: "integer",
      createdPosition: "text",
      fromPosition: "text",
    },
    indexes: [["address", "deleted"], ["tenantId"], ["domainId"]],
  },
  {
    // Rows of removed aliases stay, for readers of the past.
    name: "aliases",
    key: ["aliasId"],
    columns: {
      aliasId: "text",
      address: "text",
      tenantId: "text",
      domainId: "text",
      targets: "text",
      removed: "integer",
      createdPosition: "text",
      endedPosition: "text",
      fromPosition: "text",
    },
    indexes: [
      ["address", "removed"],
      ["tenantId", "removed"],
    ],
  },
  {
    name: "alias_targets",
    key: ["mailboxId", "aliasId"],
    columns: { mailboxId: "text", aliasId: "text", address: "text" },
    indexes: [["aliasId"]],
  },
  {
    // Who stands at an address: a mailbox's claim (its mailbox may not exist yet) or an alias.
    name: "addresses",
    key: ["address"],
    columns: {
      address: "text",
      kind: "text",
      holderId: "text",
      tenantId: "text",
      domainId: "text",
      claimedAt: "integer",
      fromPosition: "text",
    },
    indexes: [["holderId"]],
  },
  {
    name: "tokens",
    key: ["tokenId"],
    columns: {
      tokenId: "text",
      subject: "text",
      name: "text",
      scopeKind: "text",
      scopeId: "text",
      secretHash: "text",
      expiresAt: "integer",
      revoked: "integer",
      createdAt: "integer",
      createdPosition: "text",
      fromPosition: "text",
    },
    indexes: [["scopeKind", "scopeId"]],
  },
  {
    // Value (JSON) of one aspect of one object from a position to another; null toPosition = still. Never secrets.
    name: "history",
    key: ["objectId", "aspect", "fromPosition"],
    columns: {
      objectId: "text",
      aspect: "text",
      fromPosition: "text",
      toPosition: "text",
      at: "integer",
      eventId: "text",
      value: "text",
    },
  },
];

/** Ends what an aspect of an object was, and begins what it is now. */
export function recordHistory(
  event: RecordedEvent,
  objectId: string,
  aspects: Readonly<Record<string, unknown>>,
): RowChange[] {
  return Object.entries(aspects).flatMap(([aspect, value]): RowChange[] => [
    { patch: "history", where: { objectId, aspect, toPosition: null }, set: { toPosition: event.position } },
    {
      put: "history",
      row: {
        objectId,
        aspect,
        fromPosition: event.position,
        at: event.occurredAt,
        eventId: event.id,
        value: JSON.stringify(value ?? null),
      },
    },
  ]);
}
