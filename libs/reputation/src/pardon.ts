import type { Item } from "./item.ts";
import { delist, judgeSender } from "./judge-sender.ts";
import { type Ledger, ledgerOf, type Reputation } from "./ledger.ts";
import type { ListingDecision, ListScope } from "./listing.ts";
import { changeVoid, newRecord } from "./sender-record.ts";
import { type Subject, subjectKey } from "./subjects.ts";

/** Somebody with the right to it forgives a sender: it is delisted, and for a time nothing is learned of it. */
export interface PardonGranted {
  readonly kind: "pardonGranted";
  /** Of the event. */
  readonly id: string;
  readonly at: number;
  readonly scope: ListScope;
  readonly subject: Subject;
  readonly untilAt: number;
  /** Evidence that counts no longer, for any sender of this scope; a tenant's own counts no longer for the platform either. */
  readonly voidedEvidence: readonly string[];
}

/** A pardon is taken back: what it voided counts again, as of its own time. What was not learned meanwhile is not made up for. */
export interface PardonLifted {
  readonly kind: "pardonLifted";
  readonly id: string;
  readonly at: number;
  readonly scope: ListScope;
  readonly subject: Subject;
  readonly pardonId: string;
}

/** Delists the sender, stops learning and voids exactly the named evidence. */
export function pardonSender(reputation: Reputation, pardon: PardonGranted): readonly ListingDecision[] {
  const ledger = ledgerOf(reputation, pardon.scope);
  const key = subjectKey(pardon.subject);
  const decisions: ListingDecision[] = [];
  const record = ledger.records.get(key) ?? newRecord();
  const stopsLearning = pardon.untilAt > reputation.now;
  if (stopsLearning) ledger.pardons.set(key, { id: pardon.id, untilAt: pardon.untilAt });
  const named = new Set(pardon.voidedEvidence);
  const change = (item: Item): string | undefined => item.voidedBy ?? (named.has(item.id) ? pardon.id : undefined);
  if (record.listing && stopsLearning) {
    const sitting = { reputation, ledger, key, record, at: reputation.now, because: pardon.id };
    decisions.push(delist(sitting, "pardoned"));
  }
  return [...decisions, ...changeEverywhere(reputation, pardon, change)];
}

/** Ends the pardon and gives back the evidence it voided. */
export function liftPardon(reputation: Reputation, lifted: PardonLifted): readonly ListingDecision[] {
  const ledger = ledgerOf(reputation, lifted.scope);
  const key = subjectKey(lifted.subject);
  if (ledger.pardons.get(key)?.id === lifted.pardonId) ledger.pardons.delete(key);
  const change = (item: Item): string | undefined => (item.voidedBy === lifted.pardonId ? undefined : item.voidedBy);
  const decisions = changeEverywhere(reputation, lifted, change);
  const record = ledger.records.get(key);
  if (!record || record.listing) return decisions;
  // Its score may stand where it stood: a pardon without void evidence only held the listing back.
  const sitting = { reputation, ledger, key, record, at: reputation.now, because: lifted.id };
  return [...decisions, ...judgeSender(sitting, "voided")];
}

function changeEverywhere(
  reputation: Reputation,
  { id, scope }: { readonly id: string; readonly scope: ListScope },
  change: (item: Item) => string | undefined,
): readonly ListingDecision[] {
  const own = changeInLedger(reputation, ledgerOf(reputation, scope), { id, change });
  if (scope === "platform") return own;
  const given = (item: Item): string | undefined => (item.tenantId === scope ? change(item) : item.voidedBy);
  return [...own, ...changeInLedger(reputation, ledgerOf(reputation, "platform"), { id, change: given })];
}

function changeInLedger(
  reputation: Reputation,
  ledger: Ledger,
  { id, change }: { readonly id: string; readonly change: (item: Item) => string | undefined },
): readonly ListingDecision[] {
  const decisions: ListingDecision[] = [];
  for (const [key, record] of ledger.records) {
    if (!changeVoid(record, change)) continue;
    decisions.push(...judgeSender({ reputation, ledger, key, record, at: reputation.now, because: id }, "voided"));
  }
  return decisions;
}
