import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Scope, scopeId } from "@mailfold/domain";
import type { Position, RecordedEvent, Row, RowChange } from "@mailfold/kernel";
import { applyPolicyEvent, type CompiledPolicy, emptyPolicy, type Facts } from "@mailfold/policy";
import fc from "fast-check";
import { policyFromRows, policyIndex } from "./index.ts";

const scopes: readonly Scope[] = [
  { kind: "platform" },
  { kind: "tenant", id: "ten_a" as never },
  { kind: "domain", id: "dom_a" as never },
];
const scope = fc.constantFrom(...scopes);
type Payload = { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
const settings: fc.Arbitrary<Payload> = fc
  .tuple(
    scope,
    fc.dictionary(
      fc.constantFrom("refuseNullSender", "relayMode", "vrfy", "relayAddresses"),
      fc.constantFrom<unknown>(true, "addresses", 502, null, ["192.0.2.7"]),
    ),
    fc.subarray(["relayMode", "vrfy"]),
  )
  .map(([at, set, unset]) => ({
    type: "PolicySettingsChanged",
    data: { scope: at, set, unset: unset.filter((name) => !(name in set)) },
  }));
const limits: fc.Arbitrary<Payload> = fc
  .tuple(
    scope,
    fc.dictionary(
      fc.constantFrom("refuseNullSender", "relayMode", "relayAddresses"),
      fc.constantFrom<unknown>({ locked: true }, { allowed: ["none", true] }),
    ),
    fc.subarray(["relayMode", "relayAddresses"]),
  )
  .map(([at, set, unset]) => ({
    type: "PolicyLimitsChanged",
    data: { scope: at, set, unset: unset.filter((name) => !(name in set)) },
  }));
const named = fc.record({
  scope,
  list: fc.constantFrom("accept", "kill"),
  pattern: fc.constantFrom("192.0.2.0/24", "@ext.example", "192.0.2.7"),
});
const added: fc.Arbitrary<Payload> = fc
  .tuple(named, fc.constantFrom({}, { expiresAt: 5_000, note: "on the road" }, { trustUnverified: true }))
  .map(([entry, more]) => ({
    type: "SenderEntryAdded",
    data: { ...entry, ...more, entryId: `sle_${scopeId(entry.scope)}.${entry.list}.${entry.pattern}` },
  }));
const removed: fc.Arbitrary<Payload> = named.map((entry) => ({
  type: "SenderEntryRemoved",
  data: { ...entry, entryId: "sle_x" },
}));
const denied: fc.Arbitrary<Payload> = fc
  .constantFrom(500, 5_000)
  .map((until) => ({ type: "IpDenied", data: { prefix: "203.0.113.9/32", reason: "flood", until } }));
const subject = fc.constantFrom(
  { kind: "ip", value: "192.0.2.7" },
  { kind: "prefix", value: "192.0.2.0/24" },
  { kind: "prefix", value: "2001:db8:0:0::/56" },
);
const listingScope = fc.constantFrom<Scope>({ kind: "platform" }, { kind: "tenant", id: "ten_a" as never });
const listed: fc.Arbitrary<Payload> = fc
  .tuple(listingScope, subject, fc.constantFrom("defer", "reject"), fc.constantFrom(500, 5_000))
  .map(([at, of, action, expiresAt]) => ({
    type: "SenderListed",
    data: { scope: at, subject: of, action, expiresAt, listingId: `lst_${scopeId(at)}.${of.value}` },
  }));
const delisted: fc.Arbitrary<Payload> = fc
  .tuple(listingScope, subject)
  .map(([at, of]) => ({ type: "SenderDelisted", data: { scope: at, subject: of, listingId: "lst_x" } }));
const streamOf = ({ type, data }: Payload): string => {
  if (type !== "SenderListed" && type !== "SenderDelisted") return "policy-x";
  return `listing-${scopeId(data.scope as Scope)}.${(data.subject as { value: string }).value}`;
};
const kinds = [settings, limits, added, added, removed, denied, listed, delisted];
const history = fc.array(fc.oneof(...kinds), { maxLength: 25 }).map((payloads) =>
  payloads.map((payload, index): RecordedEvent => {
    const of = payload.data.scope as Scope | undefined;
    const owner = of?.kind === "tenant" ? { tenantId: of.id, resellerId: "rsl_1" as never } : {};
    return {
      ...payload,
      id: `evt-${index}`,
      stream: streamOf(payload),
      revision: index,
      position: String(index).padStart(6, "0") as Position,
      occurredAt: 100 + index,
      metadata: { actor: { type: "system", id: "test" }, ...owner },
    };
  }),
);

/** The smallest interpreter of row changes. */
function rowsAfter(events: readonly RecordedEvent[]): Record<string, Row[]> {
  const tables: Record<string, Row[]> = Object.fromEntries(policyIndex.tables.map((table) => [table.name, []]));
  const apply = (change: RowChange): void => {
    if ("delete" in change) throw new Error("history is never deleted");
    if ("put" in change) {
      const spec = policyIndex.tables.find((table) => table.name === change.put) ?? assert.fail();
      assert.deepEqual(Object.keys(change.row).sort(), Object.keys(spec.columns).sort());
      const others = (tables[change.put] ?? []).filter((row) =>
        spec.key.some((column) => row[column] !== change.row[column]),
      );
      tables[change.put] = [...others, change.row];
      return;
    }
    const matches = (row: Row) => Object.entries(change.where).every(([column, value]) => row[column] === value);
    tables[change.patch] = (tables[change.patch] ?? []).map((row) => (matches(row) ? { ...row, ...change.set } : row));
  };
  for (const event of events) for (const change of policyIndex.project(event)) apply(change);
  return tables;
}
const fromRows = (tables: Record<string, Row[]>): CompiledPolicy =>
  policyFromRows({
    settings: tables.settings ?? [],
    limits: tables.limits ?? [],
    entries: tables.entries ?? [],
    listings: tables.listings ?? [],
    denials: tables.denials ?? [],
    revision: tables.revision?.[0],
  });

const local = (ip: string): Facts => ({
  ...facts(ip, "joe@ext.example"),
  spf: { result: "none", identity: "mailfrom", domain: "ext.example" },
  recipient: {
    address: "joe@a.example",
    form: "plain",
    acceptedBefore: 0,
    found: {
      kind: "local",
      domain: {
        domainId: "dom_a" as never,
        tenantId: "ten_a" as never,
        resellerId: "rsl_1" as never,
        name: "a.example",
        verified: true,
        tenantInboundOff: false,
        tenantSubmissionOff: false,
      },
      targets: [{ mailboxId: "mbx_a" as never, address: "joe@a.example", suspended: false, overQuota: false }],
    },
  },
});
const facts = (ip: string, from: string): Facts => ({
  at: 1_000,
  listener: "mx",
  ip,
  tls: false,
  host: { status: "none" },
  sender: { address: from, form: "plain" },
  senderOwner: null,
  peerTenant: { tenantId: "ten_a" as never, resellerId: "rsl_1" as never, submissionOff: false },
  recipient: { address: "u@x.example", form: "plain", found: { kind: "foreign" }, acceptedBefore: 0 },
});

describe("policy-index", () => {
  test("a policy compiled from rows is the one folded from events", () => {
    fc.assert(
      fc.property(history, (events) => {
        const folded = events.reduce(applyPolicyEvent, emptyPolicy());
        const compiled = fromRows(rowsAfter(events));
        assert.equal(compiled.revision, folded.revision);
        for (const path of [
          {},
          { tenantId: "ten_a" as never },
          { tenantId: "ten_a" as never, domainId: "dom_a" as never },
        ]) {
          assert.deepEqual(compiled.effective(path), folded.effective(path));
        }
        assert.deepEqual(compiled.denial("203.0.113.9", 1_000), folded.denial("203.0.113.9", 1_000));
        for (const ip of ["192.0.2.7", "192.0.2.8", "203.0.113.9", "2001:db8:0:ff::1"]) {
          assert.deepEqual(compiled.evaluate("rcpt", local(ip)), folded.evaluate("rcpt", local(ip)));
          for (const from of ["joe@ext.example", ""]) {
            assert.deepEqual(compiled.evaluate("rcpt", facts(ip, from)), folded.evaluate("rcpt", facts(ip, from)));
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  test("rows keep history: what was in force at any position can be read back", () => {
    fc.assert(
      fc.property(history, fc.nat(25), (events, cut) => {
        const policyEvents = events.filter((event) => event.type !== "IpDenied");
        const at = String(cut).padStart(6, "0");
        const inForce = (row: Row): boolean =>
          String(row.fromPosition) <= at && (row.toPosition === null || String(row.toPosition) > at);
        const asOf = (rows: readonly Row[] | undefined) =>
          (rows ?? [])
            .filter(inForce)
            .map((row) => [row.scope, row.name ?? row.entryId, row.value ?? row.expiresAt, row.byEvent])
            .sort();
        const whole = rowsAfter(policyEvents);
        const then = rowsAfter(policyEvents.filter((event) => event.position <= at));
        assert.deepEqual(asOf(whole.settings), asOf(then.settings));
        assert.deepEqual(asOf(whole.limits), asOf(then.limits));
        assert.deepEqual(asOf(whole.entries), asOf(then.entries));
        assert.deepEqual(asOf(whole.listings), asOf(then.listings));
      }),
      { numRuns: 300 },
    );
  });

  test("at most one row of a setting or pattern is current", () => {
    fc.assert(
      fc.property(history, (events) => {
        const { settings: set = [], limits: limited = [], entries = [], listings = [] } = rowsAfter(events);
        const current = [
          ...set.filter((row) => row.current === 1).map((row) => `${row.scope} ${row.name}`),
          ...limited.filter((row) => row.current === 1).map((row) => `limit ${row.scope} ${row.name}`),
          ...listings.filter((row) => row.current === 1).map((row) => `${row.scope} listing ${row.subject}`),
          ...entries.filter((row) => row.current === 1).map((row) => `${row.scope} ${row.list} ${row.pattern}`),
        ];
        assert.equal(new Set(current).size, current.length);
        for (const row of [...set, ...limited, ...entries, ...listings])
          assert.equal(row.current === 1, row.toPosition === null);
      }),
    );
  });

  test("denials go with their traffic", () => {
    const table = policyIndex.tables.find((spec) => spec.name === "denials");
    assert.equal(table?.expiringBy, "fromPosition");
  });
});
