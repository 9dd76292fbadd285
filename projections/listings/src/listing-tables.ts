import type { TableSpec } from "@mailfold/kernel";

/** A row for each listing, in force or over; the newest SenderListed has all that is known of it. */
const listingsTable: TableSpec = {
  name: "listings",
  key: ["listingId"],
  columns: {
    listingId: "text",
    scope: "text",
    tenantId: "text",
    resellerId: "text",
    subjectKind: "text",
    subject: "text",
    action: "text",
    score: "real",
    threshold: "real",
    shareLowerBound: "real",
    shareMail: "real",
    shareSpam: "real",
    at: "integer",
    listedAt: "integer",
    halfLifeMs: "integer",
    expiresAt: "integer",
    evidence: "text",
    evidenceTotal: "integer",
    tenants: "integer",
    current: "integer",
    endedAt: "integer",
    endedBy: "text",
    byEvent: "text",
    position: "text",
  },
  indexes: [
    ["scope", "current", "position"],
    ["scope", "position"],
    ["resellerId", "current", "position"],
    ["resellerId", "position"],
    ["subject", "position"],
  ],
};

/** How a listing came to be what it is: one row for each event of it. Leads from the event that a verdict names to the listing. */
const changesTable: TableSpec = {
  name: "changes",
  key: ["eventId"],
  columns: {
    eventId: "text",
    listingId: "text",
    change: "text",
    action: "text",
    score: "real",
    at: "integer",
    causeEvent: "text",
    position: "text",
  },
  indexes: [["listingId", "position"]],
};

/**
 * Events that may be evidence, in a few words each. A listing names its evidence after the fact, when a fold can look at
 * it no more; so all are kept that could be named, and they go with the traffic they tell of.
 */
const evidenceTable: TableSpec = {
  name: "evidence",
  key: ["eventId"],
  columns: {
    eventId: "text",
    kind: "text",
    at: "integer",
    tenantId: "text",
    resellerId: "text",
    mailboxId: "text",
    verdictId: "text",
    count: "integer",
    position: "text",
  },
  expiringBy: "position",
};

/** Verdicts that a learned listing decided, by the event that they name. */
const blockedTable: TableSpec = {
  name: "blocked",
  key: ["verdictId"],
  columns: {
    verdictId: "text",
    byEvent: "text",
    tenantId: "text",
    resellerId: "text",
    at: "integer",
    position: "text",
  },
  indexes: [
    ["byEvent", "position"],
    ["byEvent", "tenantId", "position"],
    ["byEvent", "resellerId", "position"],
  ],
  expiringBy: "position",
};

/** Whose mail the platform's listings stopped last: one row for each event and tenant. */
const concernsTable: TableSpec = {
  name: "concerns",
  key: ["tenantId", "byEvent"],
  columns: { tenantId: "text", byEvent: "text", resellerId: "text", position: "text" },
  indexes: [
    ["tenantId", "position"],
    ["resellerId", "position"],
  ],
  expiringBy: "position",
};

const pardonsTable: TableSpec = {
  name: "pardons",
  key: ["pardonId"],
  columns: {
    pardonId: "text",
    scope: "text",
    tenantId: "text",
    resellerId: "text",
    subjectKind: "text",
    subject: "text",
    until: "integer",
    voided: "text",
    reason: "text",
    at: "integer",
    grantedBy: "text",
    current: "integer",
    liftedAt: "integer",
    liftedBy: "text",
    position: "text",
  },
  indexes: [["scope", "subjectKind", "subject", "position"]],
};

/** Tables of the listings. */
export const listingTables: readonly TableSpec[] = [
  listingsTable,
  changesTable,
  evidenceTable,
  blockedTable,
  concernsTable,
  pardonsTable,
];
