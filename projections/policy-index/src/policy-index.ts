import {
  type IpDenied,
  type PolicyLimitsChanged,
  type PolicySettingsChanged,
  type SenderEntryAdded,
  type SenderEntryRemoved,
  type SenderListed,
  scopeId,
} from "@mailfold/domain";
import { assert, type RecordedEvent, type RowChange, type RowsProjection, type TableSpec } from "@mailfold/kernel";
import { canonicalSubject, parseSenderPattern } from "@mailfold/policy";

/** Settings with their history: `current` 1 = in force; toPosition null until another value, or none, takes its place. */
export const settingsTable = {
  name: "settings",
  key: ["scope", "name", "fromPosition"],
  columns: {
    scope: "text",
    scopeKind: "text",
    name: "text",
    value: "text",
    byEvent: "text",
    resellerId: "text",
    tenantId: "text",
    fromPosition: "text",
    toPosition: "text",
    current: "integer",
    at: "integer",
  },
  indexes: [["current", "scope", "name"]],
} as const satisfies TableSpec;

/** Limits on settings of the scopes below, with their history; `value` is the limit's JSON. */
export const limitsTable = { ...settingsTable, name: "limits" } as const satisfies TableSpec;

/** List entries with their history; expiresAt in ms since the epoch, null = never. An expired entry stays until removed. */
export const entriesTable = {
  name: "entries",
  key: ["entryId", "fromPosition"],
  columns: {
    entryId: "text",
    scope: "text",
    scopeKind: "text",
    list: "text",
    pattern: "text",
    kind: "text",
    expiresAt: "integer",
    note: "text",
    trustUnverified: "integer",
    byEvent: "text",
    resellerId: "text",
    tenantId: "text",
    fromPosition: "text",
    toPosition: "text",
    current: "integer",
    at: "integer",
  },
  indexes: [
    ["current", "scope", "list", "pattern"],
    ["current", "entryId"],
  ],
} as const satisfies TableSpec;

/**
 * Learned listings with their history, a row for each SenderListed, ended by its stream, which names the
 * subject also once its key is erased (then value null).
 */
export const listingsTable = {
  name: "listings",
  key: ["listingId", "fromPosition"],
  columns: {
    listingId: "text",
    scope: "text",
    scopeKind: "text",
    stream: "text",
    subjectKind: "text",
    subject: "text",
    action: "text",
    expiresAt: "integer",
    byEvent: "text",
    resellerId: "text",
    tenantId: "text",
    fromPosition: "text",
    toPosition: "text",
    current: "integer",
    at: "integer",
  },
  indexes: [
    ["scope", "subject", "fromPosition"],
    ["current", "stream"],
  ],
} as const satisfies TableSpec;

/** The newest denial of each prefix. Denials are traffic, so their rows go with their events. */
export const denialsTable = {
  name: "denials",
  key: ["prefix"],
  columns: {
    prefix: "text",
    reason: "text",
    until: "integer",
    byEvent: "text",
    fromPosition: "text",
    at: "integer",
  },
  indexes: [["until"]],
  expiringBy: "fromPosition",
} as const satisfies TableSpec;

/** One row, key `policy`: the last policy event, which is the policy's revision. */
export const revisionTable = {
  name: "revision",
  key: ["name"],
  columns: { name: "text", eventId: "text", position: "text" },
} as const satisfies TableSpec;

function owners(event: RecordedEvent) {
  return { resellerId: event.metadata.resellerId ?? null, tenantId: event.metadata.tenantId ?? null };
}

/** Of settings or limits: what stood under the names ends, what is set begins. */
function namedChanged(event: RecordedEvent, table: "settings" | "limits"): readonly RowChange[] {
  const { scope, set, unset } = event.data as (PolicySettingsChanged | PolicyLimitsChanged)["data"];
  const id = scopeId(scope);
  const changes: RowChange[] = [];
  for (const name of [...unset, ...Object.keys(set)]) {
    const where = { scope: id, name, current: 1 };
    changes.push({ patch: table, where, set: { current: 0, toPosition: event.position } });
  }
  for (const [name, value] of Object.entries(set)) {
    changes.push({
      put: table,
      row: {
        scope: id,
        scopeKind: scope.kind,
        name,
        value: JSON.stringify(value),
        byEvent: event.id,
        ...owners(event),
        fromPosition: event.position,
        toPosition: null,
        current: 1,
        at: event.occurredAt,
      },
    });
  }
  return changes;
}

function entryEnded(event: RecordedEvent): RowChange {
  const { scope, list, pattern } = event.data as (SenderEntryAdded | SenderEntryRemoved)["data"];
  const where = { scope: scopeId(scope), list, pattern, current: 1 };
  return { patch: "entries", where, set: { current: 0, toPosition: event.position } };
}

function entryAdded(event: RecordedEvent): readonly RowChange[] {
  const { entryId, scope, list, pattern, expiresAt, note, trustUnverified } = event.data as SenderEntryAdded["data"];
  const parsed = parseSenderPattern(pattern);
  return [
    entryEnded(event),
    {
      put: "entries",
      row: {
        entryId,
        scope: scopeId(scope),
        scopeKind: scope.kind,
        list,
        pattern,
        kind: "problem" in parsed ? "unknown" : parsed.kind,
        expiresAt: expiresAt ?? null,
        note: note ?? null,
        trustUnverified: trustUnverified ? 1 : 0,
        byEvent: event.id,
        ...owners(event),
        fromPosition: event.position,
        toPosition: null,
        current: 1,
        at: event.occurredAt,
      },
    },
  ];
}

function denied(event: RecordedEvent): readonly RowChange[] {
  const { prefix, reason, until } = event.data as IpDenied["data"];
  const { position: fromPosition, id: byEvent, occurredAt: at } = event;
  return [{ put: "denials", row: { prefix, reason, until, byEvent, fromPosition, at } }];
}

function delisted(event: RecordedEvent): RowChange {
  const where = { stream: event.stream, current: 1 };
  return { patch: "listings", where, set: { current: 0, toPosition: event.position } };
}

function listed(event: RecordedEvent): readonly RowChange[] {
  const { listingId, scope, action, expiresAt } = event.data as SenderListed["data"];
  const subject = event.data as Pick<SenderListed["data"], "subject"> | { readonly subject: null };
  return [
    delisted(event),
    {
      put: "listings",
      row: {
        listingId,
        scope: scopeId(scope),
        scopeKind: scope.kind,
        stream: event.stream,
        subjectKind: subject.subject?.kind ?? null,
        subject: subject.subject === null ? null : canonicalSubject(subject.subject.value),
        action,
        expiresAt,
        byEvent: event.id,
        ...owners(event),
        fromPosition: event.position,
        toPosition: null,
        current: 1,
        at: event.occurredAt,
      },
    },
  ];
}

function changesOf(event: RecordedEvent): readonly RowChange[] {
  switch (event.type) {
    case "PolicySettingsChanged":
      return namedChanged(event, "settings");
    case "PolicyLimitsChanged":
      return namedChanged(event, "limits");
    case "SenderEntryAdded":
      return entryAdded(event);
    case "SenderListed":
      return listed(event);
    case "SenderDelisted":
      return [delisted(event)];
    default:
      return [entryEnded(event)];
  }
}

/** Settings, limits, sender lists and learned listings with their history, denials, and the revision: what a node compiles its policy from. */
export const policyIndex: RowsProjection = {
  name: "policy-index",
  version: 3,
  tables: [settingsTable, limitsTable, entriesTable, listingsTable, denialsTable, revisionTable],
  handles: [
    "PolicySettingsChanged",
    "PolicyLimitsChanged",
    "SenderEntryAdded",
    "SenderEntryRemoved",
    "SenderListed",
    "SenderDelisted",
    "IpDenied",
  ],
  project(event) {
    assert(this.handles.includes(event.type), `policy-index does not handle ${event.type}`);
    if (event.type === "IpDenied") return denied(event);
    const revision = { name: "policy", eventId: event.id, position: event.position };
    return [...changesOf(event), { put: "revision", row: revision }];
  },
};
