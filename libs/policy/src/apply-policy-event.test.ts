import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Scope, type SettingLimit, type SettingValue, scopeId } from "@mailfold/domain";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import fc from "fast-check";
import { applyPolicyEvent } from "./apply-policy-event.ts";
import { compilePolicy, emptyPolicy } from "./compiled-policy.ts";
import type { ListingInput } from "./learned-lists.ts";
import type { LimitInput, SettingInput } from "./policy-changes.ts";
import {
  domainScopeA,
  factsOf,
  foreignRecipient,
  platformScope,
  reseller,
  resellerScope,
  scopeA,
  scopeB,
  tenantA,
  tenantB,
  verdictOn,
} from "./policy-test-world.ts";
import type { CompiledPolicy, EntryInput, Facts } from "./types.ts";

type Payload = { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
const scope = fc.constantFrom<Scope>(platformScope, resellerScope, scopeA, scopeB, domainScopeA);
const value: fc.Arbitrary<readonly [string, SettingValue]> = fc.oneof(
  fc.constantFrom("none", "addresses", "localHosts", "anyone").map((mode) => ["relayMode", mode] as const),
  fc.subarray(["192.0.2.0/24", "198.51.100.1", "2001:db8::/48"]).map((list) => ["relayAddresses", list] as const),
  fc.constantFrom(100_000, 90_000_000, 60_000_000).map((size) => ["sizeLimitBytes", size] as const),
  fc.boolean().map((on) => ["refuseNullSender", on] as const),
  fc.subarray(["anyone", "trustUnverified"]).map((list) => ["unlocks", list] as const),
);
const changed: fc.Arbitrary<Payload> = fc
  .tuple(scope, fc.array(value, { maxLength: 3 }), fc.subarray(["relayMode", "relayAddresses", "sizeLimitBytes"]))
  .map(([at, set, unset]) => {
    const named = Object.fromEntries(set);
    return {
      type: "PolicySettingsChanged",
      data: { scope: at, set: named, unset: unset.filter((name) => !(name in named)) },
    };
  });
const limit: fc.Arbitrary<readonly [string, SettingLimit]> = fc.oneof(
  fc.constantFrom("relayMode", "relayAddresses", "sizeLimitBytes").map((name) => [name, { locked: true }] as const),
  fc.constantFrom({ min: 70_000_000 }, { max: 80_000_000 }).map((bound) => ["sizeLimitBytes", bound] as const),
  fc.subarray(["none", "addresses"], { minLength: 1 }).map((allowed) => ["relayMode", { allowed }] as const),
);
const limited: fc.Arbitrary<Payload> = fc
  .tuple(scope, fc.array(limit, { maxLength: 2 }), fc.subarray(["relayMode", "relayAddresses", "sizeLimitBytes"]))
  .map(([at, set, unset]) => {
    const byName = Object.fromEntries(set);
    return {
      type: "PolicyLimitsChanged",
      data: { scope: at, set: byName, unset: unset.filter((name) => !(name in byName)) },
    };
  });
const named = fc.record({
  scope,
  list: fc.constantFrom("accept", "kill"),
  pattern: fc.constantFrom(
    "192.0.2.7",
    "192.0.2.0/24",
    "2001:db8::/48",
    "@ext.example",
    "@*xt.example",
    "joe@ext.example",
    "mail.ext.example",
    "from the future",
  ),
});
const added: fc.Arbitrary<Payload> = fc
  .tuple(named, fc.nat(999), fc.constantFrom(undefined, 5_000), fc.boolean())
  .map(([entry, number, expiresAt, trustUnverified]) => ({
    type: "SenderEntryAdded",
    data: { ...entry, entryId: `sle_${number}`, trustUnverified, ...(expiresAt === undefined ? {} : { expiresAt }) },
  }));
const removed: fc.Arbitrary<Payload> = named.map((entry) => ({
  type: "SenderEntryRemoved",
  data: { ...entry, entryId: "sle_0" },
}));
const denied: fc.Arbitrary<Payload> = fc
  .tuple(fc.constantFrom("192.0.2.7/32", "2001:db8::/64"), fc.constantFrom(500, 5_000))
  .map(([prefix, until]) => ({ type: "IpDenied", data: { prefix, reason: "flood", until } }));
const subject = fc.constantFrom(
  { kind: "ip", value: "192.0.2.7" },
  { kind: "prefix", value: "2001:db8:0:0::/56" },
  { kind: "domain", value: "ext.example" },
  null,
);
const listingScope = fc.constantFrom<Scope>(platformScope, scopeA);
const listed: fc.Arbitrary<Payload> = fc
  .tuple(listingScope, subject, fc.constantFrom("defer", "reject"), fc.constantFrom(5_000, 7_000))
  .map(([at, of, action, expiresAt]) => ({
    type: "SenderListed",
    data: { scope: at, subject: of, action, expiresAt, listingId: "lst_0" },
  }));
const delisted: fc.Arbitrary<Payload> = fc
  .tuple(listingScope, subject)
  .map(([at, of]) => ({ type: "SenderDelisted", data: { scope: at, subject: of } }));
const payloads = fc.array(
  fc.oneof(
    changed,
    changed,
    limited,
    added,
    added,
    removed,
    denied,
    listed,
    listed,
    delisted,
    fc.constant({ type: "TenantCreated", data: {} }),
  ),
  { maxLength: 30 },
);

function eventsOf(history: readonly Payload[]): RecordedEvent[] {
  return history.map((payload, index) => {
    const of = payload.data.scope as Scope | undefined;
    return {
      ...payload,
      id: `evt-${index}`,
      stream: "policy-x",
      revision: index,
      position: String(index).padStart(6, "0") as Position,
      occurredAt: 100,
      metadata: { actor: { type: "system", id: "test" }, ...(of?.kind === "tenant" ? { resellerId: reseller } : {}) },
    };
  });
}

/** What is in force after the events, kept the plain way. */
function finalInputs(events: readonly RecordedEvent[]) {
  const settings = new Map<string, SettingInput>();
  const limits = new Map<string, LimitInput>();
  const entries = new Map<string, EntryInput>();
  const denials = new Map<string, { prefix: string; reason: string; until: number; byEvent: string; at: number }>();
  const listings = new Map<string, ListingInput>();
  let revision: string | undefined;
  for (const { id: byEvent, type, data: raw, metadata } of events) {
    const data = raw as Record<string, unknown>;
    const resellerId = metadata.resellerId === undefined ? {} : { resellerId: metadata.resellerId };
    if (type === "IpDenied") denials.set(data.prefix as string, { ...(data as object), byEvent, at: 100 } as never);
    if (type === "SenderListed" || type === "SenderDelisted") {
      const key = `${scopeId(data.scope as Scope)} ${JSON.stringify(data.subject)}`;
      if (type === "SenderListed") listings.set(key, { ...(data as object), byEvent } as never);
      else listings.delete(key);
      revision = byEvent;
    }
    if (!["PolicySettingsChanged", "PolicyLimitsChanged", "SenderEntryAdded", "SenderEntryRemoved"].includes(type))
      continue;
    const at = data.scope as Scope;
    if (type === "PolicySettingsChanged") {
      for (const name of data.unset as string[]) settings.delete(`${scopeId(at)} ${name}`);
      for (const [name, to] of Object.entries(data.set as Record<string, SettingValue>)) {
        settings.set(`${scopeId(at)} ${name}`, { scope: at, name, value: to, byEvent, ...resellerId });
      }
    } else if (type === "PolicyLimitsChanged") {
      for (const name of data.unset as string[]) limits.delete(`${scopeId(at)} ${name}`);
      for (const [name, to] of Object.entries(data.set as Record<string, SettingLimit>)) {
        limits.set(`${scopeId(at)} ${name}`, { scope: at, name, limit: to, byEvent, ...resellerId });
      }
    } else {
      const key = `${scopeId(at)} ${data.list} ${data.pattern}`;
      if (type === "SenderEntryAdded") entries.set(key, { ...(data as object), byEvent, ...resellerId } as never);
      else entries.delete(key);
    }
    revision = byEvent;
  }
  const all = {
    settings: settings.values(),
    limits: limits.values(),
    entries: entries.values(),
    denials: denials.values(),
    listings: listings.values(),
  };
  return revision === undefined ? all : { ...all, revision };
}

const probes: fc.Arbitrary<Facts> = fc
  .record({
    ip: fc.constantFrom("192.0.2.7", "192.0.2.9", "2001:db8::1", "198.51.100.1"),
    from: fc.constantFrom("", "joe@ext.example", "joe@a.example", "joe@b.example"),
    at: fc.constantFrom(1_000, 6_000),
  })
  .chain((more) =>
    fc.boolean().map((relay) => factsOf({ ...more, ...(relay ? { recipient: foreignRecipient } : {}) })),
  );

function same(a: CompiledPolicy, b: CompiledPolicy, facts: Facts): void {
  for (const path of [
    {},
    { tenantId: tenantA, resellerId: reseller },
    { tenantId: tenantB },
    { tenantId: tenantA, domainId: domainScopeA.kind === "domain" ? domainScopeA.id : ("" as never) },
  ]) {
    assert.deepEqual(a.effective(path), b.effective(path));
  }
  assert.deepEqual(a.listener(), b.listener());
  assert.equal(a.revision, b.revision);
  for (const phase of ["connect", "mail", "data"] as const) {
    assert.deepEqual(verdictOn(a, phase, facts), verdictOn(b, phase, facts));
  }
}

describe("applyPolicyEvent", () => {
  test("event by event equals a compile from what is in force at the end", () => {
    fc.assert(
      fc.property(payloads, probes, (history, facts) => {
        const events = eventsOf(history);
        same(events.reduce(applyPolicyEvent, emptyPolicy()), compilePolicy(finalInputs(events)), facts);
      }),
      { numRuns: 600 },
    );
  });

  test("leaves every earlier policy as it was", () => {
    fc.assert(
      fc.property(payloads, fc.nat(30), probes, (history, cut, facts) => {
        const events = eventsOf(history);
        const early = events.slice(0, cut).reduce(applyPolicyEvent, emptyPolicy());
        events.slice(cut).reduce(applyPolicyEvent, early);
        same(early, compilePolicy(finalInputs(events.slice(0, cut))), facts);
      }),
      { numRuns: 300 },
    );
  });

  test("one more entry on 100,000 takes effect in far less than 100 ms", () => {
    const entries = Array.from({ length: 100_000 }, (_, i): EntryInput => {
      const pattern = `user${i}@mail.example`;
      return { entryId: `sle_${i}` as never, scope: scopeA, list: "kill", pattern, byEvent: "e" };
    });
    const big = compilePolicy({ entries });
    const startedAt = performance.now();
    const [event] = eventsOf([
      { type: "SenderEntryAdded", data: { entryId: "sle_x", scope: scopeA, list: "kill", pattern: "192.0.2.7" } },
    ]);
    assert.ok(event);
    const next = applyPolicyEvent(big, event);
    const elapsedMs = performance.now() - startedAt;
    assert.equal(verdictOn(next, "rcpt", factsOf()).reason, "kill-listed");
    assert.equal(verdictOn(big, "rcpt", factsOf()).reason, "accepted");
    assert.ok(elapsedMs < 100, `${elapsedMs} ms`);
  });
});
