import type { Scope } from "@mailfold/domain";
import type { TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import type { Inputs } from "./open-relay-oracle.ts";
import type { LimitInput, SettingInput } from "./policy-changes.ts";
import {
  authenticationOf,
  domainA,
  domainB,
  domainScopeA,
  entry,
  factsOf,
  foreignRecipient,
  type Lookups,
  mailboxScopeA,
  platformScope,
  reseller,
  resellerScope,
  scopeA,
  scopeB,
  setting,
  tenantA,
  tenantB,
} from "./policy-test-world.ts";
import type { DomainFact, EntryInput, Facts } from "./types.ts";

const scopes: readonly Scope[] = [platformScope, resellerScope, scopeA, scopeB, domainScopeA, mailboxScopeA];
const anyScope = fc.constantFrom(platformScope, resellerScope, scopeA, scopeA, scopeB, domainScopeA, mailboxScopeA);
const networks = [
  "192.0.2.7",
  "192.0.2.0/24",
  "192.0.0.0/16",
  "0.0.0.0/0",
  "198.51.100.1",
  "2001:db8::/48",
  "::/0",
  "127.0.0.1",
  "127.0.0.0/24",
  "10.0.0.7",
];
const senderPatterns = [
  "joe@ext.example",
  "@ext.example",
  "@*example",
  "joe@a.example",
  "@a.example",
  "@b.example",
  "mail.ext.example",
  "mx.a.example",
];

/** Settings about relaying, set anywhere: below their lowest scope they must do nothing. */
const relaySettings: fc.Arbitrary<SettingInput> = fc.oneof(
  fc
    .tuple(anyScope, fc.constantFrom("none", "addresses", "addresses", "localHosts", "localUsers", "anyone"))
    .map(([scope, value]) => setting(scope, "relayMode", value)),
  fc
    .tuple(anyScope, fc.uniqueArray(fc.constantFrom(...networks), { maxLength: 3 }))
    .map(([scope, value]) => setting(scope, "relayAddresses", value)),
  fc.subarray(["localUsers", "anyone", "trustUnverified"]).map((value) => setting(platformScope, "unlocks", value)),
);
/** Settings about everything else. */
const otherSettings: fc.Arbitrary<SettingInput> = fc
  .tuple(
    anyScope,
    fc.oneof(
      fc
        .constantFrom("verifyHelo", "verifySenderDomain", "reverseDns", "spf")
        .chain((name) => fc.constantFrom("off", "score", "reject").map((value) => [name, value] as const)),
      fc.uniqueArray(fc.constantFrom(...networks), { maxLength: 2 }).map((value) => ["trustedRelays", value] as const),
      fc
        .constantFrom([], [{ zone: "bl.test", trusted: true }], [{ zone: "wl.test", welcome: true }])
        .map((value) => ["dnsbl", value] as const),
      fc.constantFrom(0, 300).map((value) => ["greylist", value] as const),
      fc.constantFrom("off", "score", "honour").map((value) => ["dmarc", value] as const),
      fc.constantFrom({}, { junk: 1 }, { reject: 2 }).map((value) => ["spamThresholds", value] as const),
      fc.boolean().map((value) => ["refuseNullSender", value] as const),
      fc.boolean().map((value) => ["virusScanner", value] as const),
    ),
  )
  .map(([scope, [name, value]]) => setting(scope, name, value as SettingInput["value"]));

const entries: fc.Arbitrary<EntryInput> = fc
  .record({
    scope: fc.constantFrom(...scopes),
    list: fc.constantFrom<"accept" | "kill">("accept", "accept", "accept", "kill"),
    pattern: fc.constantFrom(...networks, ...senderPatterns),
    expiresAt: fc.constantFrom(undefined, undefined, 500, 5_000),
    trustUnverified: fc.boolean(),
  })
  .map(({ scope, list, pattern, expiresAt, trustUnverified }) =>
    entry(scope, list, pattern, {
      trustUnverified: trustUnverified && list === "accept",
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }),
  );

/** Locks on who may relay and, now and then, on something else. */
const limits: fc.Arbitrary<LimitInput> = fc
  .tuple(
    fc.constantFrom(platformScope, resellerScope, resellerScope, scopeA, scopeB, domainScopeA),
    fc.constantFrom("relayMode", "relayMode", "relayAddresses", "relayAddresses", "greylist"),
  )
  .map(([scope, name]) => ({ scope, name, limit: { locked: true }, byEvent: "lock" }));

/** As events tell it: which reseller a tenant belongs to. */
const withReseller = <T extends { readonly scope: Scope }>(input: T): T =>
  input.scope.kind === "tenant" ? { ...input, resellerId: reseller } : input;

/** A generated policy over all five scopes, valid or not. */
export const inputs: fc.Arbitrary<Inputs> = fc
  .record({
    relay: fc.array(relaySettings, { maxLength: 6 }),
    other: fc.array(otherSettings, { maxLength: 3 }),
    entries: fc.array(entries, { maxLength: 5 }),
    locks: fc.oneof(fc.constant<LimitInput[]>([]), fc.array(limits, { maxLength: 2 })),
  })
  .map(({ relay, other, entries: list, locks }) => ({
    settings: [...relay, ...other].map(withReseller),
    limits: locks.map(withReseller),
    entries: list.map(withReseller),
  }));

/** What look-ups may find. */
export const lookups: fc.Arbitrary<Lookups> = fc
  .record({
    host: fc.constantFrom<NonNullable<Facts["host"]>>(
      { status: "none" },
      { status: "failed" },
      { status: "mismatch" },
      { status: "confirmed", name: "mx.a.example", owner: domainA },
      { status: "confirmed", name: "mx.b.example", owner: domainB },
      { status: "confirmed", name: "mx.a.example", owner: { ...domainA, verified: false } },
      { status: "confirmed", name: "mail.ext.example" },
    ),
    tenantsOff: fc.constantFrom<readonly TenantId[]>([], [], [tenantA], [tenantB]),
    spf: fc.constantFrom<NonNullable<Lookups["spf"]>>("none", "pass", "pass", "fail", "softfail", "temperror"),
    heloName: fc.constantFrom("found", "missing", "literal", "failed"),
    senderDomain: fc.constantFrom("found", "missing", "failed"),
    dnsLists: fc.constantFrom<Lookups["dnsLists"] & {}>({}, { "bl.test": "listed" }, { "wl.test": "listed" }),
    greylist: fc.constantFrom("new", "known"),
    dmarc: fc.constantFrom("none", "pass", "fail"),
  })
  .map(({ dmarc, ...more }) => ({
    ...more,
    authentication: authenticationOf({ dmarc: { result: dmarc, domain: "ext.example", policy: "reject" } }),
  }));

/** Peers without login that send elsewhere. */
export const strangers: fc.Arbitrary<Facts> = fc
  .record({
    ip: fc.constantFrom(
      "192.0.2.7",
      "192.0.2.7",
      "192.0.2.8",
      "198.51.100.1",
      "2001:db8::7",
      "127.0.0.1",
      "10.0.0.7",
      "::ffff:192.0.2.7",
      "203.0.113.9",
      "garbage",
    ),
    from: fc.constantFrom(
      "joe@ext.example",
      "joe@ext.example",
      "",
      "joe@a.example",
      "ghost@a.example",
      "joe@b.example",
      "joe@claimed.example",
    ),
    listener: fc.constantFrom<"mx" | "submission">("mx", "mx", "mx", "submission"),
    origin: fc.constantFrom(undefined, undefined, undefined, null, { ip: "192.0.2.7" }, { ip: "198.51.100.1" }),
  })
  .map(({ origin, ...more }) =>
    factsOf({ ...more, ...(origin === undefined ? {} : { origin }), recipient: foreignRecipient }),
  );

/** The address that a bounce to one of our SRS addresses, made for mail sent on from this domain, is for. */
export const bounceRecipient = (domain: DomainFact): NonNullable<Facts["recipient"]> => ({
  ...foreignRecipient,
  found: { kind: "foreign", bounceFor: domain },
});

/** Peers that write to such an address: whatever they are and say, and however often they did. */
export const returns: fc.Arbitrary<Facts> = fc
  .record({
    facts: strangers,
    from: fc.constantFrom("", "", "", "joe@ext.example", "joe@a.example"),
    domain: fc.constantFrom(
      domainA,
      domainA,
      domainB,
      { ...domainA, verified: false },
      { ...domainB, tenantInboundOff: true },
    ),
    counters: fc.constantFrom({}, {}, { bouncesToAddress: 9 }, { bouncesToAddress: 10 }, { bouncesOfTenant: 200 }),
  })
  .map(({ facts, from, domain, counters }) => ({
    ...facts,
    sender: { address: from, form: "plain" },
    counters,
    recipient: bounceRecipient(domain),
  }));

/** The tenant whose verified domain a sender lies in. */
export function ownerOf(facts: Facts): TenantId | undefined {
  const name = facts.sender?.address.split("@")[1];
  return name === "a.example" ? tenantA : name === "b.example" ? tenantB : undefined;
}
