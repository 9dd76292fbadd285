import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ListingScope, type Scope, type SettingValue, scopeId } from "@mailfold/domain";
import type { ListingId } from "@mailfold/kernel";
import fc from "fast-check";
import { compilePolicy, stateOf, withListing } from "../compiled-policy.ts";
import type { ListingInput } from "../learned-lists.ts";
import type { LimitInput } from "../policy-changes.ts";
import {
  authenticationOf,
  contentOf,
  domainScopeA,
  entry,
  factsOf,
  foreignRecipient,
  type Lookups,
  localRecipient,
  loginOf,
  mailboxScopeA,
  platformScope,
  resellerScope,
  scopeA,
  setting,
  tenantA,
} from "../policy-test-world.ts";
import { settingDefinitions } from "../setting-definitions.ts";
import type { CompiledPolicy, EntryInput, Facts, Verdict } from "../types.ts";
import { applyChanges, type ChangePlace } from "./apply-changes.ts";
import { neverLoosened } from "./candidate-changes.ts";
import { changeSize, choicesOf, compareSizes } from "./change-size.ts";
import { recordOf } from "./counterfactual-test-world.ts";
import { factsUnder, type JudgedFacts, judgeRecorded, rulesPath } from "./judge-recorded.ts";
import type { PolicyChange } from "./policy-change.ts";
import { relevantPlaces } from "./relevant-places.ts";
import { ruleNameOf } from "./rule-list.ts";
import { searchCounterfactual } from "./search-counterfactual.ts";

const scopes: readonly Scope[] = [mailboxScopeA, domainScopeA, scopeA, resellerScope, platformScope];
const patterns = ["joe@ext.example", "@ext.example", "@*example", "192.0.2.7", "192.0.2.0/24", "mail.ext.example"];
const numbers: Readonly<Record<string, readonly number[]>> = {
  maxRecipientsPerMessage: [1, 2, 3, 4, 5, 6, 7, 10],
  recipientsPerHour: [0, 1, 2, 3, 4, 5, 6, 9],
  tenantRecipientsPerHour: [0, 1, 2, 3, 4, 5, 6, 9],
  greylist: [0, 60, 61, 3_600],
  sizeLimitBytes: [65_536, 69_999, 70_000, 70_001, 80_000, 80_001, 268_435_456],
};
const lists: Readonly<Record<string, readonly SettingValue[]>> = {
  trustedRelays: [[], ["192.0.2.7"], ["198.51.100.1"]],
  relayAddresses: [[], ["192.0.2.7"], ["198.51.100.0/24"]],
  trustedSealers: [[], ["sealer.example"], ["other.example"], ["sealer.example", "other.example"]],
  dnsbl: [[], [{ zone: "bl.example", trusted: true }], [{ zone: "bl.example", weight: 6 }]],
  contentChecks: [[], ["html"], ["html", "mime"]],
};
const limits = [undefined, 1, 4, 6, 9, 30];
const thresholds: readonly SettingValue[] = limits.flatMap((junk) =>
  limits.flatMap((reject) => [
    { ...(junk === undefined ? {} : { junk }), ...(reject === undefined ? {} : { reject }) },
  ]),
);
const rule = (name: string, ...actions: readonly string[]): SettingValue => {
  return { name, all: [], actions: actions.map((each) => ({ do: each, text: "x" })) };
};
const ruleLists: readonly SettingValue[] = [
  [rule("a", "reject")],
  [rule("a", "tag"), rule("b", "quarantine")],
  [rule("a", "tag", "quarantine"), rule("b", "reject")],
  [rule("a", "tag", "reject", "stop"), rule("b", "reject")],
];

/** All values that the test knows of a setting. */
function valuesOf(name: string): readonly SettingValue[] {
  const definition = settingDefinitions.find((each) => each.name === name);
  assert.ok(definition);
  if (name === "spamThresholds") return thresholds;
  return numbers[name] ?? lists[name] ?? choicesOf(definition);
}

/** Every single change of a scope that the test knows, whether it could matter or not. */
function allChanges(policy: CompiledPolicy, { scope }: ChangePlace): readonly PolicyChange[] {
  const own = stateOf(policy).settings.get(scopeId(scope))?.values;
  const rules = (own?.get("rules")?.value ?? []) as readonly SettingValue[];
  return [
    ...(["accept", "kill"] as const).flatMap((list) =>
      patterns.flatMap((pattern): PolicyChange[] => [
        { entryAdd: { list, pattern } },
        { entryRemove: { list, pattern } },
      ]),
    ),
    ...settingDefinitions
      .filter(({ name }) => !neverLoosened.has(name) && name !== "rules")
      .flatMap(({ name }) => valuesOf(name).map((value): PolicyChange => ({ set: { [name]: value } }))),
    ...listed.map((value): PolicyChange => ({ pardon: { kind: value.includes("/") ? "prefix" : "ip", value } })),
    // Rules are changed one by one, and what keeps malware out is never loosened.
    ...[...(own?.keys() ?? [])]
      .filter((name) => name !== "rules" && !neverLoosened.has(name))
      .map((name): PolicyChange => ({ unset: [name] })),
    ...rules.flatMap((each): PolicyChange[] => {
      const { actions, ...rest } = each as { readonly actions: readonly { readonly do: string }[] };
      const name = ruleNameOf(each) ?? "";
      // A rule without actions is none.
      const less = (actions.length > 1 ? actions : []).map(
        (_one, at) => ({ ...rest, actions: actions.toSpliced(at, 1) }) as SettingValue,
      );
      return [{ ruleDelete: { name } }, ...less.map((changed) => ({ ruleSave: { rule: changed } }))];
    }),
  ];
}

/** Whether a change turns a verdict to acceptance. */
function turns(recorded: JudgedFacts, before: { readonly policy: CompiledPolicy; readonly verdict: Verdict }) {
  const path = rulesPath(recorded.facts, before.verdict);
  return (place: ChangePlace, change: PolicyChange): boolean => {
    const changed = applyChanges(before.policy, place, [change]);
    if ("problem" in changed) return false;
    const facts = factsUnder(recorded.facts, path, { before: before.policy, after: changed.policy });
    return facts !== undefined && judgeRecorded(changed.policy, { ...recorded, facts })?.action === "accept";
  };
}

const settingNames = [
  ...["maxRecipientsPerMessage", "recipientsPerHour", "tenantRecipientsPerHour", "greylist", "sizeLimitBytes"],
  ...["trustedRelays", "relayAddresses", "trustedSealers", "dnsbl", "contentChecks", "spamThresholds", "relayMode"],
  ...["senderMustMatchLogin", "refuseNullSender", "spf", "dmarc", "verifyHelo", "reverseDns", "verifySenderDomain"],
  ...["junkAction", "requireTls", "scannerFailure", "spamScanner", "classifier", "rules", "rules"],
];
const anySetting = fc
  .tuple(fc.constantFrom(...settingNames), fc.constantFrom(...scopes), fc.nat(100))
  .map(([name, scope, pick]) => {
    const values = name === "rules" ? ruleLists : valuesOf(name);
    return setting(scope, name, values[pick % values.length] as SettingValue);
  });
const anyEntry = fc
  .tuple(
    fc.constantFrom(...scopes),
    fc.constantFrom("accept" as const, "kill" as const, "kill" as const),
    fc.constantFrom(...patterns),
  )
  .map(([scope, list, pattern]): EntryInput => entry(scope, list, pattern));
const anyLimit = fc
  .tuple(
    fc.constantFrom("spf", "dmarc", "spamThresholds", "sizeLimitBytes", "relayMode"),
    fc.constantFrom(platformScope, scopeA),
  )
  .map(([name, scope]): LimitInput => ({ scope, name, limit: { locked: true }, byEvent: "evt-lock" }));

const listed = ["192.0.2.7", "192.0.2.0/24"];
const anyListing = fc
  .tuple(
    fc.constantFrom(scopeA, platformScope),
    fc.constantFrom(...listed),
    fc.constantFrom("defer" as const, "reject" as const),
  )
  .map(([scope, value, action]): ListingInput => {
    const kind = value.includes("/") ? "prefix" : "ip";
    const listingId = "lst_1" as ListingId;
    return {
      scope: scope as ListingScope,
      subject: { kind, value },
      listingId,
      action,
      expiresAt: 1e15,
      byEvent: "evt-l",
    };
  });

const { found, ...localTo } = localRecipient();
assert.ok(found.kind === "local");
const anyFacts = fc.record({
  from: fc.constantFrom("joe@ext.example", "joe@a.example", ""),
  ip: fc.constantFrom("192.0.2.7", "10.0.0.1"),
  tls: fc.boolean(),
  login: fc.constantFrom(undefined, undefined, loginOf(tenantA)),
  to: fc.constantFrom(
    localRecipient(),
    localRecipient(),
    localRecipient(),
    localRecipient(),
    localRecipient({ overQuota: true }),
    { ...localTo, found: { kind: "unknown", domain: found.domain } } as const,
    foreignRecipient,
  ),
  acceptedBefore: fc.constantFrom(0, 0, 4),
  sizeBytes: fc.constantFrom(2_000, 70_000, 80_000),
});
const lookups: fc.Arbitrary<Lookups> = fc.record({
  spf: fc.constantFrom("none", "pass", "fail", "softfail"),
  heloName: fc.constantFrom("found", "missing"),
  senderDomain: fc.constantFrom("found", "nullMx"),
  host: fc.constantFrom({ status: "confirmed", name: "mail.ext.example" }, { status: "mismatch" }),
  dnsLists: fc.constantFrom({}, { "bl.example": "listed" as const }),
  greylist: fc.constantFrom("known", "new"),
  counters: fc.constantFrom({}, { mailboxRecipients: 5, tenantRecipients: 5 }),
  authentication: fc.constantFrom(
    authenticationOf(),
    authenticationOf({
      dmarc: { result: "fail", domain: "ext.example", policy: "reject" },
      arc: { result: "pass", sealers: ["sealer.example"], claimedDmarc: "pass" },
    }),
    authenticationOf({ dmarc: { result: "fail", domain: "ext.example", policy: "quarantine" } }),
  ),
  findings: fc.constantFrom([], [{ check: "html", name: "hidden", score: 6, detail: "x" }]),
  scan: fc.constantFrom(
    {},
    { rspamd: { status: "scanned", score: 16, action: "reject", symbols: [] } },
    { rspamd: { status: "down", cause: "timeout" } },
    { clamav: { status: "infected", signature: "Eicar" } },
  ),
});

function factsFrom(
  world: {
    readonly from: string;
    readonly ip: string;
    readonly tls: boolean;
    readonly sizeBytes: number;
    readonly acceptedBefore: number;
  } & {
    readonly login: Facts["login"];
    readonly to: NonNullable<Facts["recipient"]>;
  },
): Facts {
  const { acceptedBefore, from, ip, login, sizeBytes, tls, to } = world;
  return factsOf({
    from,
    ip,
    tls,
    ...(login === undefined ? {} : { login, listener: "submission" as const }),
    recipient: { ...to, acceptedBefore },
    content: contentOf(from, { sizeBytes }),
  });
}

const readers: readonly ((place: ChangePlace) => boolean)[] = [
  ({ path }) => path.tenantId === tenantA,
  ({ scope }) => scope.kind !== "platform",
  () => true,
];

describe("the smallest change", () => {
  test("turns the verdict, and no smaller one of all there are does; where none is named, none does", () => {
    const outcomes = new Map<string, number>();
    const inputs = fc.array(fc.oneof({ weight: 3, arbitrary: anySetting }, anyEntry, anyLimit, anyListing), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(inputs, anyFacts, lookups, fc.nat(2), (parts, world, looked, reader) => {
        const unlisted = compilePolicy({
          settings: parts.filter((part) => "value" in part),
          entries: parts.filter((part) => "entryId" in part),
          limits: parts.filter((part) => "limit" in part),
        });
        const listings = parts.filter((part) => "listingId" in part);
        const policy = listings.reduce<CompiledPolicy>(withListing, unlisted);
        const recorded = recordOf(policy, factsFrom(world), looked);
        const mayChange = readers[reader] as (place: ChangePlace) => boolean;
        const answer = searchCounterfactual({ policy, recorded, mayChange });
        const name = "none" in answer ? answer.none : Object.keys(answer.change).join();
        outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
        const before = judgeRecorded(policy, recorded);
        assert.ok(before);
        if (before.action === "accept") return assert.equal(name, "accepted");
        const isTurned = turns(recorded, { policy, verdict: before });
        if ("change" in answer) {
          assert.ok(mayChange(answer.place));
          assert.ok(isTurned(answer.place, answer.change));
        }
        for (const place of relevantPlaces(recorded.facts, before).filter(mayChange)) {
          for (const change of allChanges(policy, place)) {
            if ("change" in answer && compareSizes(changeSize(policy, place, change), answer.size) >= 0) continue;
            const words = () =>
              `${JSON.stringify(change)} at ${scopeId(place.scope)} turns ${before.reason}; found ${name}`;
            assert.ok(!isTurned(place, change), words());
          }
        }
      }),
      { numRuns: 120 },
    );
    for (const name of ["entryAdd", "set", "not-policy"]) {
      assert.ok((outcomes.get(name) ?? 0) > 0, `${name} never came: ${JSON.stringify([...outcomes])}`);
    }
  });
});
