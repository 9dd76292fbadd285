import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AliasId, DomainId, MailboxId, Position, TenantId, TokenId } from "@mailfold/kernel";
import { MemoryRows } from "@mailfold/read-store";
import fc from "fast-check";
import { createDirectory } from "./create-directory.ts";
import type { Directory } from "./directory.ts";
import { directoryAt } from "./directory-at.ts";
import { directoryProjection } from "./directory-projection.ts";
import {
  added,
  alias,
  d1,
  type Event,
  m1,
  mailbox,
  off,
  r1,
  recorded,
  reseller,
  sealed,
  t1,
  t2,
  tenant,
  verified,
} from "./directory-test-world.ts";

const names = ["a.test", "b.test"];
const addresses = ["al@a.test", "bo@a.test", "cy@b.test"];

/** One administrator's deed, by small numbers; what does not apply to the world so far does nothing. */
type Deed = readonly [kind: number, which: number, value: number];

/** Events of a world in which names, addresses and aliases come, go and come back under new ids. */
function eventsOf(deeds: readonly Deed[]): readonly Event[] {
  const events: Event[] = [reseller];
  const tenants = new Set<TenantId>();
  const domains = new Map<string, { domainId: DomainId; tenantId: TenantId }>();
  const boxes = new Map<string, { mailboxId: MailboxId; deleted: boolean }>();
  const aliases = new Map<string, { aliasId: AliasId; tenantId: TenantId; domainId: DomainId }>();
  const tokens: TokenId[] = [];
  const makers: readonly ((which: number, value: number, serial: number) => Event | undefined)[] = [
    (which) => {
      const tenantId = [t1, t2][which % 2] as TenantId;
      if (tenants.has(tenantId)) return undefined;
      tenants.add(tenantId);
      return tenant(tenantId, `x-${which % 2}`);
    },
    (which, value) => {
      const tenantId = [t1, t2][which % 2] as TenantId;
      if (!tenants.has(tenantId)) return undefined;
      const switches = { ...off, submission: value % 2 === 0, login: value % 3 === 0 };
      return value < 6
        ? { type: "TenantSuspended", data: { tenantId, switches, reason: "ABUSE" } }
        : { type: "TenantResumed", data: { tenantId, restored: value % 2 === 0 ? off : switches } };
    },
    (which, value, serial) => {
      const name = names[which % 2] as string;
      const tenantId = [t1, t2][value % 2] as TenantId;
      if (domains.has(name) || !tenants.has(tenantId)) return undefined;
      const domainId = `dom_${serial}` as DomainId;
      domains.set(name, { domainId, tenantId });
      return added(domainId, tenantId, name);
    },
    (which, value) => {
      const name = names[which % 2] as string;
      const claim = domains.get(name);
      if (claim === undefined) return undefined;
      if (value < 5) return verified(claim.domainId, claim.tenantId, name);
      domains.delete(name);
      const data = { ...claim, name };
      return value < 8
        ? { type: "DomainRemoved", data }
        : { type: "DomainClaimLapsed", data: { ...data, cause: "proven-by-other" } };
    },
    (which, value, serial) => {
      const address = addresses[which % 3] as string;
      const box = boxes.get(address);
      if (box === undefined) {
        const mailboxId = `mbx_${serial}` as MailboxId;
        boxes.set(address, { mailboxId, deleted: false });
        return mailbox(mailboxId, address);
      }
      const { mailboxId } = box;
      if (value < 2) return { type: "MailboxUpdated", data: { mailboxId, quotaBytes: 1_000 + serial } };
      if (value < 4) return { type: "MailboxUpdated", data: { mailboxId, displayName: `Name ${serial}` } };
      if (value < 5) return { type: "MailboxSuspended", data: { mailboxId, reason: "ABUSE" } };
      if (value < 6) return { type: "MailboxResumed", data: { mailboxId } };
      box.deleted = !box.deleted;
      if (!box.deleted) return { type: "MailboxRestored", data: { mailboxId, address } };
      // Half of the addresses go to another mailbox next.
      if (value < 8) boxes.delete(address);
      return { type: "MailboxDeleted", data: { mailboxId, address } };
    },
    (which, value, serial) => {
      const address = ["team@a.test", "desk@b.test"][which % 2] as string;
      const known = aliases.get(address);
      aliases.delete(address);
      if (known !== undefined) return { type: "AliasRemoved", data: { ...known, address } };
      const tenantId = [t1, t2][value % 2] as TenantId;
      const data = { aliasId: `als_${serial}` as AliasId, tenantId, domainId: d1 };
      aliases.set(address, data);
      return { type: "AliasAdded", data: { ...data, address, targets: [`mbx_${value}` as MailboxId] } };
    },
    (which, value, serial) => {
      const last = tokens[which % 2];
      if (last !== undefined && value < 6) return { type: "TokenRevoked", data: { tokenId: last } };
      const tokenId = `tok_${serial}` as TokenId;
      tokens.unshift(tokenId);
      const scope = value % 2 === 0 ? { kind: "platform" as const } : { kind: "tenant" as const, id: t1 };
      return {
        type: "TokenCreated",
        data: { tokenId, subject: "s", name: `T ${serial}`, scope, secretHash: sealed("x") },
      };
    },
  ];
  deeds.forEach(([kind, which, value], serial) => {
    const event = makers[kind % makers.length]?.(which, value, serial);
    if (event !== undefined) events.push(event);
  });
  return events;
}

/** Everything the API reads of a directory, for comparison. */
function readingOf(directory: Directory, ids: ReadonlySet<string>): unknown {
  const all = { first: 100 };
  const tenants = directory.tenants({}, all);
  return {
    tenants,
    ofReseller: directory.tenants({ resellerId: r1 }, { first: 1 }),
    byExternalId: directory.tenantByExternalId(r1, "x-1"),
    resellers: [directory.resellers(all), directory.resellerByExternalId("isp")],
    tokens: [directory.tokens({}, all), directory.tokens({ scope: { kind: "platform" } }, all)],
    lists: [t1, t2].map((tenantId) => [
      directory.domains({ tenantId }, { first: 1 }),
      directory.domains({ tenantId }, all),
      directory.mailboxes({ tenantId }, all),
      directory.mailboxes({ tenantId }, { first: 2, after: "mbx_3" }),
      directory.aliases({ tenantId }, all),
    ]),
    names: names.map((name) => directory.domainByName(name)),
    addresses: [...addresses, "team@a.test", "desk@b.test"].map((address) => [
      directory.mailboxByAddress(address),
      directory.aliasByAddress(address),
    ]),
    ids: [...ids].map((id) => [
      directory.tenant(id as TenantId),
      directory.domain(id as DomainId),
      directory.mailbox(id as MailboxId),
      directory.alias(id as AliasId),
      directory.token(id as TokenId),
    ]),
  };
}

/** Passwords are not kept by position: whoever reads the past reads no secret. */
const withoutSecrets = (reading: unknown) =>
  JSON.parse(JSON.stringify(reading, (name, value) => (name === "verifier" ? undefined : value)));

describe("the directory as it stood", () => {
  test("at every position it is the directory of the events up to there", () => {
    const deed = fc.tuple(fc.nat(6), fc.nat(5), fc.nat(9));
    fc.assert(
      fc.property(fc.array(deed, { minLength: 10, maxLength: 60 }), fc.nat(), (deeds, cut) => {
        const events = recorded(eventsOf(deeds));
        const upTo = 1 + (cut % events.length);
        const [whole, prefix] = [new MemoryRows([directoryProjection]), new MemoryRows([directoryProjection])];
        const ids = new Set<string>();
        events.forEach((event, index) => {
          whole.append(event);
          if (index < upTo) prefix.append(event);
          for (const value of Object.values(event.data as object)) if (typeof value === "string") ids.add(value);
        });
        const position = events[upTo - 1]?.position ?? assert.fail();
        assert.deepEqual(
          withoutSecrets(
            readingOf(
              directoryAt(whole, position, () => 0),
              ids,
            ),
          ),
          withoutSecrets(
            readingOf(
              createDirectory(prefix, () => 0),
              ids,
            ),
          ),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("an erased name of the past reads as empty as today's", () => {
    const erased = { ...mailbox(m1, "al@a.test") };
    const rows = new MemoryRows([directoryProjection]);
    const history: readonly Event[] = [reseller, tenant(t1), added(d1, t1), erased, alias([m1])];
    for (const event of recorded(history)) {
      const data = event.data as Readonly<Record<string, unknown>>;
      // What the codec answers for personal fields once their key is gone.
      const gone = event.type === "MailboxCreated" ? { ...data, address: null, displayName: null } : data;
      rows.append({ ...event, data: gone });
    }
    const then = directoryAt(rows, "0000000000000004" as Position, () => 0);
    assert.deepEqual([then.mailbox(m1)?.address, then.mailbox(m1)?.displayName], ["", undefined]);
    assert.equal(then.mailboxByAddress("al@a.test"), undefined);
    assert.equal(then.aliasByAddress("team@a.test"), undefined, "there was none yet");
  });

  test("what is not kept by position is refused, never answered from today", () => {
    const rows = new MemoryRows([directoryProjection]);
    for (const event of recorded([reseller, tenant(t1), added(d1, t1), mailbox(m1, "al@a.test")])) rows.append(event);
    const then = directoryAt(rows, "0000000000000004" as Position, () => 0);
    assert.throws(() => then.addressesOf(m1), /not kept by position/);
    assert.throws(() => then.heldByOther("a.test", t1), /not kept by position/);
  });
});
