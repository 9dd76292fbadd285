import { decaysBelow } from "./decay.ts";
import { prefixOfIp } from "./ip-subject.ts";
import { isLive } from "./item.ts";
import { defaultLearning, type LearningSettings, learningLimits } from "./learning-settings.ts";
import type { Ledger, Reputation } from "./ledger.ts";
import type { DelistedDecision, Listing, ListingAction, ListingDecision, ListingShare } from "./listing.ts";
import { accusers, type SenderRecord, sampleAt } from "./sender-record.ts";
import { shareExceeds, shareLowerBound } from "./spam-share.ts";
import { type SubjectKey, subjectOf } from "./subjects.ts";
import { mailUnits, pointUnits, tallyAt } from "./tally.ts";

/** One sender of one scope, at one moment of the fold. */
export interface Sitting {
  readonly reputation: Reputation;
  readonly ledger: Ledger;
  readonly key: SubjectKey;
  readonly record: SenderRecord;
  readonly at: number;
  /** The event that led here: makes the decision's key. */
  readonly because: string;
}

const unitsOf = (points: number): number => Math.round(points * pointUnits);
const halfOf = (thresholdUnits: number): number => Math.ceil(thresholdUnits / 2);

/** When the score falls below half of what listed the sender. */
function endOf({ sums }: SenderRecord, thresholdUnits: number): number {
  const { value, at, halfLifeMs } = sums.score;
  return at + decaysBelow(value, halfOf(thresholdUnits), halfLifeMs);
}

/** Decides after evidence came or went: list, raise, renew, delist, or nothing. */
export function judgeSender(sitting: Sitting, cause: DelistedDecision["cause"]): readonly ListingDecision[] {
  const { reputation, ledger, key, record, at } = sitting;
  const settings = reputation.settings.get(ledger.scope) ?? defaultLearning;
  const score = tallyAt(record.sums.score, at);
  const { listing } = record;
  if (listing && score < halfOf(listing.thresholdUnits)) return [delist(sitting, cause)];
  if (listing?.action !== "reject" && settings.learns && (ledger.pardons.get(key)?.untilAt ?? 0) <= at) {
    const action = score >= unitsOf(settings.rejectAt) ? "reject" : "defer";
    const threshold = unitsOf(action === "reject" ? settings.rejectAt : settings.deferAt);
    const isNews = listing === undefined || action !== listing.action;
    if (isNews && score >= threshold && mayList(sitting, settings))
      return [list(sitting, listing ? "raised" : "new", { action, thresholdUnits: threshold })];
  }
  if (!listing) return [];
  const end = endOf(record, listing.thresholdUnits);
  if (end - listing.expiresAt >= record.sums.score.halfLifeMs / 4) return [list(sitting, "renewed", listing)];
  setListing(sitting, { ...listing, dueAt: Math.min(listing.expiresAt, end) });
  return [];
}

/** Looks at a listing whose end has come: it is over, or evidence since has given it more time. */
export function judgeDue(sitting: Sitting, listing: Listing): ListingDecision {
  const end = endOf(sitting.record, listing.thresholdUnits);
  return end <= sitting.at ? delist({ ...sitting, at: end }, "decayed") : list(sitting, "renewed", listing);
}

/** All guards but the score. */
function mayList({ ledger, key, record, at }: Sitting, settings: LearningSettings): boolean {
  const { kind, value } = subjectOf(key);
  if (kind === "prefix" && (ledger.listedIps.get(value) ?? 0) < learningLimits.prefixListedIpsMin) return false;
  if (!shareExceeds(sampleAt(record, at), Math.round(settings.minSpamShare * 1_000_000))) return false;
  if (ledger.scope !== "platform") return true;
  const { tenants, resellers } = accusers(record, at);
  return tenants >= learningLimits.platformTenantsMin && resellers >= learningLimits.platformResellersMin;
}

function shareAt(record: SenderRecord, at: number): ListingShare {
  const sample = sampleAt(record, at);
  return { lowerBound: shareLowerBound(sample), mail: sample.mail / mailUnits, spam: sample.spam / mailUnits };
}

function common({ ledger, key, record, at, because }: Sitting, what: string) {
  return {
    key: `${ledger.scope}/${key}/${what}/${because}`,
    at,
    scope: ledger.scope,
    subject: subjectOf(key),
    score: tallyAt(record.sums.score, at) / pointUnits,
    share: shareAt(record, at),
  };
}

function list(
  sitting: Sitting,
  change: "new" | "raised" | "renewed",
  as: { readonly action: ListingAction; readonly thresholdUnits: number },
): ListingDecision {
  const { record, at } = sitting;
  const expiresAt = endOf(record, as.thresholdUnits);
  const listedAt = record.listing?.listedAt ?? at;
  setListing(sitting, {
    action: as.action,
    thresholdUnits: as.thresholdUnits,
    listedAt,
    expiresAt,
    dueAt: expiresAt,
  });
  const ids = record.items.filter((item) => isLive(item) && item.units !== 0).map((item) => item.id);
  const evidenceIds = ids.slice(-learningLimits.evidenceIdsMax).reverse();
  return {
    type: "listed",
    ...common(sitting, change),
    change,
    action: as.action,
    halfLifeMs: record.sums.score.halfLifeMs,
    threshold: as.thresholdUnits / pointUnits,
    listedAt,
    expiresAt,
    evidenceIds,
    evidenceRest: ids.length - evidenceIds.length + record.nameless,
    tenants: accusers(record, at).tenants,
  };
}

/** Ends a listing. */
export function delist(sitting: Sitting, cause: DelistedDecision["cause"]): ListingDecision {
  const { ledger, key, record } = sitting;
  const listedAt = record.listing?.listedAt ?? sitting.at;
  if (record.listing) countListedIp(ledger, key, -1);
  delete record.listing;
  ledger.listed.delete(key);
  return { type: "delisted", ...common(sitting, cause), cause, listedAt };
}

function setListing({ reputation, ledger, key, record }: Sitting, listing: Listing): void {
  if (!record.listing) countListedIp(ledger, key, 1);
  record.listing = listing;
  ledger.listed.add(key);
  reputation.nextDueAt = Math.min(reputation.nextDueAt, listing.dueAt);
}

/** Keeps count of the listed addresses of a network; other subjects have none. */
export function countListedIp(ledger: Ledger, key: SubjectKey, by: 1 | -1): void {
  const { kind, value } = subjectOf(key);
  if (kind !== "ip") return;
  const prefix = prefixOfIp(value);
  const count = (ledger.listedIps.get(prefix) ?? 0) + by;
  if (count > 0) ledger.listedIps.set(prefix, count);
  else ledger.listedIps.delete(prefix);
}
