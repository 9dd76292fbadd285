import { countListedIp } from "./judge-sender.ts";
import type { LearningSettings } from "./learning-settings.ts";
import { learningProblem } from "./learning-settings.ts";
import { type Ledger, ledgerOf, newReputation, type Pardon, type Reputation } from "./ledger.ts";
import type { ListScope } from "./listing.ts";
import type { SenderRecord } from "./sender-record.ts";
import type { SubjectKey } from "./subjects.ts";
import type { Tally } from "./tally.ts";

/** Raise when states change shape: an older snapshot is refused, and the fold starts from an older one or from the log. */
export const snapshotVersion = 1;
const recordsInPart = 200;
/** Evidence by name in one part: with it a part stays below a megabyte. */
const itemsInPart = 1_000;

/** A piece of a snapshot, plain JSON of bounded size: a checkpoint is a row of them, the first with the times and settings. */
export type SnapshotPart =
  | {
      readonly part: "head";
      readonly version: number;
      readonly now: number;
      /** Absent in checkpoints of before. */
      readonly heardAt?: number;
      readonly settings: readonly (readonly [ListScope, LearningSettings])[];
      readonly tenantMail: readonly (readonly [string, Tally])[];
      readonly scopes: readonly (readonly [ListScope, readonly (readonly [SubjectKey, Pardon])[]])[];
      readonly parts: number;
    }
  | {
      readonly part: "senders";
      readonly scope: ListScope;
      readonly senders: readonly (readonly [SubjectKey, SenderRecord])[];
    };

/** The whole state in pieces; it must not be changed until they are all taken. Two equal folds give equal pieces. */
export function* snapshotParts(reputation: Reputation): Generator<SnapshotPart> {
  const ledgers = [...reputation.ledgers.values()].sort((one, other) => (one.scope < other.scope ? -1 : 1));
  yield {
    part: "head",
    version: snapshotVersion,
    now: reputation.now,
    heardAt: reputation.heardAt,
    settings: sorted(reputation.settings),
    tenantMail: sorted(reputation.tenantMail),
    scopes: ledgers.map((ledger) => [ledger.scope, sorted(ledger.pardons)] as const),
    parts: 1 + ledgers.reduce((sum, ledger) => sum + [...portions(ledger)].length, 0),
  };
  for (const ledger of ledgers)
    for (const senders of portions(ledger)) yield { part: "senders", scope: ledger.scope, senders };
}

/** A ledger's senders in portions of bounded size. */
function* portions({ records }: Ledger): Generator<(readonly [SubjectKey, SenderRecord])[]> {
  let portion: (readonly [SubjectKey, SenderRecord])[] = [];
  let items = 0;
  for (const sender of sorted(records)) {
    const more = sender[1].items.length;
    if (portion.length === recordsInPart || (portion.length > 0 && items + more > itemsInPart)) {
      yield portion;
      portion = [];
      items = 0;
    }
    portion.push(sender);
    items += more;
  }
  if (portion.length > 0) yield portion;
}

function sorted<Key extends string, Value>(map: ReadonlyMap<Key, Value>): (readonly [Key, Value])[] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** The state whose pieces these are. Throws when one is missing or of another version: half a history is none. */
export function restoreReputation(parts: Iterable<SnapshotPart>): Reputation {
  const reputation = newReputation();
  let expected = 0;
  let read = 0;
  for (const part of parts) {
    read++;
    if (part.part === "head") {
      if (part.version !== snapshotVersion)
        throw new Error(`snapshot of version ${part.version}, not ${snapshotVersion}`);
      expected = part.parts;
      restoreHead(reputation, part);
    } else if (expected === 0) throw new Error("a snapshot begins with its head");
    else restoreSenders(reputation, part.scope, structuredClone(part.senders));
  }
  if (expected === 0 || read !== expected) throw new Error(`snapshot of ${expected} parts, ${read} found`);
  return reputation;
}

function restoreHead(reputation: Reputation, head: SnapshotPart & { readonly part: "head" }): void {
  reputation.now = head.now;
  reputation.heardAt = head.heardAt ?? head.now;
  for (const [scope, settings] of head.settings) {
    const problem = learningProblem(settings);
    if (problem !== undefined) throw new Error(`snapshot with unfit settings of ${scope}: ${problem}`);
    reputation.settings.set(scope, settings);
  }
  for (const [tenant, tally] of head.tenantMail) reputation.tenantMail.set(tenant, tally);
  for (const [scope, pardons] of head.scopes) {
    const ledger = ledgerOf(reputation, scope);
    for (const [key, pardon] of pardons) ledger.pardons.set(key, pardon);
  }
}

function restoreSenders(
  reputation: Reputation,
  scope: ListScope,
  senders: readonly (readonly [SubjectKey, SenderRecord])[],
): void {
  const ledger = ledgerOf(reputation, scope);
  for (const [key, record] of senders) {
    ledger.records.set(key, record);
    if (!record.listing) continue;
    ledger.listed.add(key);
    countListedIp(ledger, key, 1);
    reputation.nextDueAt = Math.min(reputation.nextDueAt, record.listing.dueAt);
  }
}
