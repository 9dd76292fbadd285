import type { Scope, SenderList, SettingLimit, SettingValue } from "@mailfold/domain";
import type { ResellerId, Row, SenderEntryId } from "@mailfold/kernel";
import {
  type CompiledPolicy,
  compilePolicy,
  type DenialInput,
  type EntryInput,
  type LimitInput,
  type ListingInput,
  type SettingInput,
} from "@mailfold/policy";

/** Rows of policy-index to compile from; only rows with `current` 1 count. */
export interface PolicyRows {
  readonly settings: Iterable<Row>;
  readonly limits: Iterable<Row>;
  readonly entries: Iterable<Row>;
  /** Learned listings; may be left out. */
  readonly listings?: Iterable<Row>;
  /** Denials not yet over; may be left out. */
  readonly denials?: Iterable<Row>;
  /** The row `policy` of table revision, undefined before the first policy event. */
  readonly revision?: Row | undefined;
}

/** The scope that a row belongs to. */
export function scopeOfRow(row: Row): Scope {
  const kind = row.scopeKind as Scope["kind"];
  return kind === "platform" ? { kind } : ({ kind, id: row.scope } as Scope);
}

function reseller(row: Row): { readonly resellerId?: ResellerId } {
  return typeof row.resellerId === "string" ? { resellerId: row.resellerId as ResellerId } : {};
}

/** A settings row as compilePolicy takes it. */
export function settingOfRow(row: Row): SettingInput {
  const value = JSON.parse(String(row.value)) as SettingValue;
  return { scope: scopeOfRow(row), name: String(row.name), value, byEvent: String(row.byEvent), ...reseller(row) };
}

/** A limits row as compilePolicy takes it. */
function limitOfRow(row: Row): LimitInput {
  const limit = JSON.parse(String(row.value)) as SettingLimit;
  return { scope: scopeOfRow(row), name: String(row.name), limit, byEvent: String(row.byEvent), ...reseller(row) };
}

/** An entries row as compilePolicy takes it. */
export function entryOfRow(row: Row): EntryInput {
  return {
    entryId: row.entryId as SenderEntryId,
    scope: scopeOfRow(row),
    list: row.list as SenderList,
    pattern: String(row.pattern),
    ...(typeof row.expiresAt === "number" ? { expiresAt: row.expiresAt } : {}),
    ...(typeof row.note === "string" ? { note: row.note } : {}),
    trustUnverified: row.trustUnverified === 1,
    byEvent: String(row.byEvent),
    ...reseller(row),
  };
}

/** A listings row as compilePolicy takes it. */
export function listingOfRow(row: Row): ListingInput {
  const { listingId, subjectKind, subject, action, expiresAt, byEvent } = row;
  return {
    listingId: listingId as ListingInput["listingId"],
    scope: scopeOfRow(row) as ListingInput["scope"],
    subject:
      subject === null ? null : ({ kind: subjectKind, value: String(subject) } as NonNullable<ListingInput["subject"]>),
    action: action as ListingInput["action"],
    expiresAt: Number(expiresAt),
    byEvent: String(byEvent),
  };
}

function denialOfRow(row: Row): DenialInput {
  const { prefix, reason, until, byEvent, at } = row;
  return {
    prefix: String(prefix),
    reason: String(reason),
    until: Number(until),
    byEvent: String(byEvent),
    at: Number(at),
  };
}

function* mapped<T>(rows: Iterable<Row>, make: (row: Row) => T): Iterable<T> {
  for (const row of rows) if (row.current !== 0) yield make(row);
}

/** Compiles the policy that the rows describe: equal to folding the events they came from. */
export function policyFromRows(rows: PolicyRows): CompiledPolicy {
  const { revision } = rows;
  return compilePolicy({
    settings: mapped(rows.settings, settingOfRow),
    limits: mapped(rows.limits, limitOfRow),
    entries: mapped(rows.entries, entryOfRow),
    listings: mapped(rows.listings ?? [], listingOfRow),
    denials: mapped(rows.denials ?? [], denialOfRow),
    ...(revision ? { revision: String(revision.eventId) } : {}),
  });
}
