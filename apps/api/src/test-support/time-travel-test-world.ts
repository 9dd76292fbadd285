import type { Scope, SettingLimit, SettingValue } from "@mailfold/domain";
import { scopeId } from "@mailfold/domain";
import { type EventStore, openMemoryEventStore } from "@mailfold/event-store";
import { createEventCodec } from "@mailfold/events";
import type { DomainId, MailboxId, RecordedEvent, ResellerId, TenantId } from "@mailfold/kernel";
import type { ScopePath } from "@mailfold/policy";
import { plainSealer } from "./api-test-world.ts";

/** Numbers from 0 to `below`, the same for the same seed. */
export function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

const values: Readonly<Record<string, readonly SettingValue[]>> = {
  relayMode: ["none", "addresses", "anyone", "localUsers"],
  relayAddresses: [[], ["192.0.2.7"], ["198.51.100.0/24", "192.0.2.7"]],
  unlocks: [[], ["anyone"], ["anyone", "localUsers"]],
  sizeLimitBytes: [65_536, 1_048_576, 52_428_800],
  recipientsPerHour: [0, 10, 500, 2_000],
  maxRecipientsPerMessage: [1, 50, 100],
  spf: ["off", "score", "reject"],
  dmarc: ["off", "score", "policy"],
  refuseNullSender: [true, false],
  reverseDns: ["off", "score", "reject"],
  quarantineDays: [1, 14, 30],
  senderMustMatchLogin: [true, false],
  vrfy: [252, 502],
  verifyHelo: ["off", "score", "reject"],
  rules: [[], [{ name: "one", all: [], actions: [] }]],
};
const limits: Readonly<Record<string, readonly SettingLimit[]>> = {
  sizeLimitBytes: [{ locked: true }, { max: 1_048_576 }, { min: 65_536, max: 2_000_000 }],
  recipientsPerHour: [{ max: 100 }, { max: 1_000 }],
  spf: [{ locked: true }, { allowed: ["score", "reject"] }],
  quarantineDays: [{ max: 14 }],
};

const resellerId = "rsl_1" as ResellerId;
export const path = {
  resellerId,
  tenantId: "ten_1" as TenantId,
  domainId: "dom_1" as DomainId,
  mailboxId: "mbx_1" as MailboxId,
} satisfies ScopePath;
const scopes: readonly Scope[] = [
  { kind: "platform" },
  { kind: "reseller", id: resellerId },
  { kind: "tenant", id: path.tenantId },
  { kind: "domain", id: path.domainId },
  { kind: "mailbox", id: path.mailboxId },
  { kind: "tenant", id: "ten_2" as TenantId },
  { kind: "domain", id: "dom_2" as DomainId },
];

type Roll = (below: number) => number;
const oneOf = <T>(roll: Roll, all: readonly T[]): T => all[roll(all.length)] as T;

function changeOf(roll: Roll): { readonly type: string; readonly scope: Scope; readonly data: object } {
  const scope = oneOf(roll, scopes);
  const isLimit = roll(6) === 0;
  const table: Readonly<Record<string, readonly unknown[]>> = isLimit ? limits : values;
  const set: Record<string, unknown> = {};
  const unset: string[] = [];
  for (let count = 1 + roll(3); count > 0; count -= 1) {
    const name = oneOf(roll, Object.keys(table));
    if (name in set || unset.includes(name)) continue;
    if (roll(4) === 0) unset.push(name);
    else set[name] = oneOf(roll, table[name] ?? []);
  }
  return { type: isLimit ? "PolicyLimitsChanged" : "PolicySettingsChanged", scope, data: { scope, set, unset } };
}

/** A log of random policy changes. */
export interface TimeTravelWorld {
  readonly store: EventStore;
  readonly events: readonly RecordedEvent[];
}

/** Records random changes, a second apart; answers them as they stand in the log. */
export async function recordChanges(
  store: EventStore,
  { changes, seed }: { readonly changes: number; readonly seed: number },
): Promise<readonly RecordedEvent[]> {
  const roll = dice(seed);
  const metadata = { actor: { type: "system", id: "test" }, resellerId } as const;
  const batch = 20;
  for (let index = 0; index < changes; index += batch) {
    const appends = Array.from({ length: Math.min(batch, changes - index) }, (_, offset) => {
      const { type, scope, data } = changeOf(roll);
      const id = `00000000-0000-4000-8000-${String(index + offset).padStart(12, "0")}`;
      const occurredAt = 2_000_000 + (index + offset) * 1_000;
      const stream = `policy-${scopeId(scope)}`;
      return store.append({ stream, expected: "any", events: [{ id, type, data, metadata, occurredAt }] });
    });
    await Promise.all(appends);
  }
  const events: RecordedEvent[] = [];
  for await (const event of store.readAll()) if (event.stream.startsWith("policy-")) events.push(event);
  return events;
}

/** A world of random changes in memory. */
export async function openTimeTravelWorld(changes: number, seed: number): Promise<TimeTravelWorld> {
  const clock = { now: () => 1_000_000 };
  const store = await openMemoryEventStore({ codec: createEventCodec(plainSealer), clock });
  return { store, events: await recordChanges(store, { changes, seed }) };
}
