import type { EvidenceKind } from "./evidence.ts";
import { isLive } from "./item.ts";
import type { Reputation } from "./ledger.ts";
import type { ListingAction, ListingShare, ListScope } from "./listing.ts";
import { accusers, sampleAt } from "./sender-record.ts";
import { shareLowerBound } from "./spam-share.ts";
import { type Subject, subjectKey } from "./subjects.ts";
import { mailUnits, pointUnits, tallyAt } from "./tally.ts";

/** How a sender stands in a scope, listed or not. */
export interface SenderStanding {
  readonly score: number;
  readonly share: ListingShare;
  readonly tenants: number;
  readonly listing?: { readonly action: ListingAction; readonly listedAt: number; readonly expiresAt: number };
  readonly pardonedUntil?: number;
  /** Oldest first. `counts` is false for marks that wait for a second reporter, and for voided evidence. */
  readonly evidence: readonly {
    readonly id: string;
    readonly kind: EvidenceKind;
    readonly at: number;
    readonly points: number;
    readonly tenantId: string;
    readonly reporter?: string;
    readonly counts: boolean;
    readonly voidedBy?: string;
  }[];
  /** Evidence that counts without a name. */
  readonly nameless: number;
}

/** How a sender stands at the time of the last event; undefined when nothing is known. Who may see what of it is the caller's matter. */
export function standingOf(reputation: Reputation, scope: ListScope, subject: Subject): SenderStanding | undefined {
  const ledger = reputation.ledgers.get(scope);
  const key = subjectKey(subject);
  const record = ledger?.records.get(key);
  const pardonedUntil = ledger?.pardons.get(key)?.untilAt;
  if (!record) return undefined;
  const { now } = reputation;
  const sample = sampleAt(record, now);
  const { listing } = record;
  return {
    score: tallyAt(record.sums.score, now) / pointUnits,
    share: { lowerBound: shareLowerBound(sample), mail: sample.mail / mailUnits, spam: sample.spam / mailUnits },
    tenants: accusers(record, now).tenants,
    ...(listing
      ? { listing: { action: listing.action, listedAt: listing.listedAt, expiresAt: listing.expiresAt } }
      : {}),
    ...(pardonedUntil !== undefined && pardonedUntil > now ? { pardonedUntil } : {}),
    evidence: record.items.map((item) => ({
      id: item.id,
      kind: item.kind,
      at: item.at,
      points: item.units / pointUnits,
      tenantId: item.tenantId,
      ...(item.reporter === undefined ? {} : { reporter: item.reporter }),
      counts: isLive(item),
      ...(item.voidedBy === undefined ? {} : { voidedBy: item.voidedBy }),
    })),
    nameless: record.nameless,
  };
}
