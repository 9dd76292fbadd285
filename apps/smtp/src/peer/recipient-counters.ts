import type { MailboxId, TenantId } from "@mailfold/kernel";
import type { CounterFact } from "@mailfold/policy";
import { HourlyCounts, minuteOf } from "./hourly-counts.ts";

/** On whose accounts an outgoing recipient goes. */
interface SendingAccounts {
  readonly mailboxId?: MailboxId | undefined;
  readonly tenantId?: TenantId | undefined;
}

/** Where a bounce goes, and the tenant whose rule sent on what it is about. */
interface BounceAccounts {
  readonly address: string;
  readonly tenantId: TenantId;
}

/** Where counts outlive the process. */
export interface CountsStore {
  /** What was counted within the last hour before `at`. */
  load(at: number): Iterable<{ readonly key: string; readonly minute: number; readonly count: number }>;
  /** Notes that a key was counted once more in a minute; written soon, beside the caller. */
  add(key: string, minute: number): void;
}

/** Outgoing recipients of mailboxes and tenants in the last hour. */
export interface RecipientCounters {
  /** As they stand at an instant, ms since the epoch. */
  read(accounts: SendingAccounts, at: number): CounterFact;
  /** Counts one recipient that was accepted. */
  charge(accounts: SendingAccounts, at: number): void;
  /** Bounces of mail that was sent on, which count apart. */
  readBounces(accounts: BounceAccounts, at: number): CounterFact;
  chargeBounce(accounts: BounceAccounts, at: number): void;
}

// An active mailbox costs about 500 octets: 100 MB when every one of them sends all the time.
const accountsMax = 200_000;

/**
 * Counters of this process, kept in a file of their own when a store is given: the log could rebuild them, but reading the
 * last hour of every verdict at start costs more than a few rows, and an aborted transaction's recipients are not in it. In a
 * cluster each node counts what it accepts.
 */
export function createRecipientCounters(at: number, store?: CountsStore): RecipientCounters {
  const counts = new HourlyCounts(accountsMax);
  for (const { key, minute, count } of store?.load(at) ?? []) counts.add(key, minute * 60_000, count);
  const charge = (keys: readonly (string | undefined)[], now: number): void => {
    for (const key of keys) {
      if (key === undefined) continue;
      counts.add(key, now);
      store?.add(key, minuteOf(now));
    }
  };
  const bounceKeys = ({ address, tenantId }: BounceAccounts) =>
    [`bounces ${tenantId} ${address}`, `bounces ${tenantId}`] as const;
  return {
    read: ({ mailboxId, tenantId }, now) => ({
      ...(mailboxId === undefined ? {} : { mailboxRecipients: counts.count(mailboxId, now) }),
      ...(tenantId === undefined ? {} : { tenantRecipients: counts.count(tenantId, now) }),
    }),
    charge: ({ mailboxId, tenantId }, now) => charge([mailboxId, tenantId], now),
    readBounces(accounts, now) {
      const [toAddress, ofTenant] = bounceKeys(accounts);
      return { bouncesToAddress: counts.count(toAddress, now), bouncesOfTenant: counts.count(ofTenant, now) };
    },
    chargeBounce: (accounts, now) => charge(bounceKeys(accounts), now),
  };
}
