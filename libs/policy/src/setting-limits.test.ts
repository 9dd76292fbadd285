import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Scope, type SettingLimit, type SettingValue, scopeId } from "@mailfold/domain";
import type { DomainId, MailboxId, ResellerId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { compilePolicy, emptyPolicy, withLimit, withoutLimit, withSetting } from "./compiled-policy.ts";
import type { LimitInput, SettingInput } from "./policy-changes.ts";
import { factsOf, foreignRecipient, verdictOn } from "./policy-test-world.ts";
import { settingDefinition } from "./setting-definitions.ts";
import type { CompiledPolicy, EffectiveSetting, ScopePath } from "./types.ts";

/** A tree: two resellers, three tenants, their domains and mailboxes; the path of each scope, narrowest last. */
const tree: readonly { readonly scope: Scope; readonly above: readonly Scope[] }[] = (() => {
  const platform: Scope = { kind: "platform" };
  const all: { scope: Scope; above: readonly Scope[] }[] = [{ scope: platform, above: [] }];
  for (const [reseller, tenants] of [
    ["1", ["a", "b"]],
    ["2", ["c"]],
  ] as const) {
    const resellerScope: Scope = { kind: "reseller", id: `rsl_${reseller}` as ResellerId };
    all.push({ scope: resellerScope, above: [platform] });
    for (const tenant of tenants) {
      const tenantScope: Scope = { kind: "tenant", id: `ten_${tenant}` as TenantId };
      all.push({ scope: tenantScope, above: [platform, resellerScope] });
      const domainScope: Scope = { kind: "domain", id: `dom_${tenant}` as DomainId };
      all.push({ scope: domainScope, above: [platform, resellerScope, tenantScope] });
      const mailboxScope: Scope = { kind: "mailbox", id: `mbx_${tenant}` as MailboxId };
      all.push({ scope: mailboxScope, above: [platform, resellerScope, tenantScope, domainScope] });
    }
  }
  return all;
})();

function pathOf({ scope, above }: (typeof tree)[number]): ScopePath {
  const members = [...above, scope].filter((each) => each.kind !== "platform");
  return Object.fromEntries(members.map((each) => [`${each.kind}Id`, scopeId(each)]));
}

type World = { readonly values: Map<string, SettingValue>; readonly limits: Map<string, SettingLimit> };
const key = (scope: Scope, name: string) => `${scopeId(scope)} ${name}`;

/** The plain reading of policy-settings.md: every limit above is asked one by one, nearest first, so the widest has the last word. */
function naiveValue(world: World, node: (typeof tree)[number], name: string): SettingValue {
  const own = world.values.get(key(node.scope, name));
  const parent = tree.find(({ scope }) => scope === node.above.at(-1));
  const limits = node.above.flatMap((scope) => world.limits.get(key(scope, name)) ?? []).reverse();
  const inherited = parent === undefined ? settingDefinition(name)?.defaultValue : naiveValue(world, parent, name);
  assert.ok(inherited !== undefined);
  if (limits.some((limit) => limit.locked)) {
    // What the widest locking scope has counts for all below it.
    const locking = node.above.find((scope) => world.limits.get(key(scope, name))?.locked);
    const at = tree.find(({ scope }) => scope === locking);
    assert.ok(at);
    return naiveValue(world, at, name);
  }
  let value = own ?? inherited;
  if (typeof value !== "number") {
    const isFree = limits.every((limit) => limit.locked || (limit.allowed?.includes(value as string) ?? true));
    return isFree ? value : inherited;
  }
  const unlimited = settingDefinition(name)?.zeroIsUnlimited === true;
  if (unlimited && value === 0) value = Number.POSITIVE_INFINITY;
  for (const limit of limits) {
    if (limit.locked) continue;
    value = Math.min(Math.max(Number(value), limit.min ?? Number(value)), limit.max ?? Number.POSITIVE_INFINITY);
    if (limit.min !== undefined) value = Math.max(value, limit.min);
  }
  return value === Number.POSITIVE_INFINITY ? 0 : value;
}

const names = ["recipientsPerHour", "greylist", "junkAction", "spamScanner", "contentChecks"] as const;
const valuesOf: Readonly<Record<(typeof names)[number], readonly SettingValue[]>> = {
  recipientsPerHour: [0, 10, 100, 1_000],
  greylist: [0, 60, 300, 3_600],
  junkAction: ["folder", "tag", "quarantine"],
  spamScanner: [true, false],
  contentChecks: [[], ["html"]],
};
const range = (...ends: readonly number[]) =>
  fc
    .tuple(fc.option(fc.constantFrom(...ends)), fc.option(fc.constantFrom(...ends)))
    .filter(([min, max]) => (min !== null || max !== null) && (min === null || max === null || min <= max))
    .map(([min, max]): SettingLimit => ({ ...(min === null ? {} : { min }), ...(max === null ? {} : { max }) }));
const boundsOf: Readonly<Record<(typeof names)[number], fc.Arbitrary<SettingLimit> | undefined>> = {
  recipientsPerHour: range(5, 50, 500),
  greylist: range(60, 300, 3_600),
  junkAction: fc.subarray(["folder", "tag", "header"], { minLength: 1 }).map((allowed) => ({ allowed })),
  spamScanner: fc.constantFrom([true], [false]).map((allowed) => ({ allowed })),
  contentChecks: undefined,
};
const node = fc.constantFrom(...tree);
const anyValue = fc
  .constantFrom(...names)
  .chain((name) =>
    fc.tuple(node, fc.constantFrom(...valuesOf[name])).map(([at, value]) => ({ scope: at.scope, name, value })),
  );
const anyLimit = fc.constantFrom(...names).chain((name) => {
  const locked = fc.constant<SettingLimit>({ locked: true });
  const bound = boundsOf[name];
  return fc
    .tuple(node, bound === undefined ? locked : fc.oneof(bound, bound, bound, locked))
    .map(([at, limit]) => ({ scope: at.scope, name, limit }));
});

const byEvent = (scope: Scope, name: string) => `evt ${scopeId(scope)} ${name}`;
const find = (policy: CompiledPolicy, at: (typeof tree)[number], name: string): EffectiveSetting => {
  const found = policy.effective(pathOf(at)).find((each) => each.name === name);
  assert.ok(found);
  return found;
};
const set = (scope: Scope, name: string, value: SettingValue): SettingInput => {
  return { scope, name, value, byEvent: byEvent(scope, name) };
};
const limit = (scope: Scope, name: string, to: SettingLimit): LimitInput => {
  return { scope, name, limit: to, byEvent: `limit ${byEvent(scope, name)}` };
};
const at = (id: string) => tree.find(({ scope }) => scopeId(scope) === id) ?? assert.fail(id);
const scopeAt = (id: string) => at(id).scope;

describe("inheritance, locks and bounds over scope trees", () => {
  test("each value is the one that a plain reading of the rules gives", () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 14 }), fc.array(anyLimit, { maxLength: 8 }), (values, limits) => {
        const world: World = { values: new Map(), limits: new Map() };
        for (const each of values) world.values.set(key(each.scope, each.name), each.value);
        for (const each of limits) world.limits.set(key(each.scope, each.name), each.limit);
        const policy = compilePolicy({
          settings: values.map((each) => set(each.scope, each.name, each.value)),
          limits: limits.map((each) => limit(each.scope, each.name, each.limit)),
        });
        for (const each of tree) {
          for (const name of names) {
            const expected = naiveValue(world, each, name);
            assert.deepEqual(policy.value(pathOf(each), name), expected, `${name} at ${scopeId(each.scope)}`);
            checkShown(find(policy, each, name), each, { world, name, expected });
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  function checkShown(
    shown: EffectiveSetting,
    { scope, above }: (typeof tree)[number],
    { world, name, expected }: { world: World; name: string; expected: SettingValue },
  ): void {
    assert.deepEqual(shown.value, expected);
    const source = [...above, scope].find((each) => scopeId(each) === shown.setAtScope);
    assert.equal(shown.byEvent, source === undefined ? undefined : byEvent(source, name));
    assert.ok(source === undefined ? shown.setAtScope === "default" : world.values.has(key(source, name)));
    const limiting = above.filter((each) => world.limits.has(key(each, name)));
    const locking = limiting.find((each) => world.limits.get(key(each, name))?.locked);
    const [widest] = locking === undefined ? limiting : [locking];
    assert.equal(shown.limit?.setAtScope, widest && scopeId(widest));
    assert.equal(shown.limit?.locked ?? false, locking !== undefined);
    // What is shown as the bound holds, whatever was set below.
    const bound = shown.limit?.bound;
    if (typeof expected !== "number" || bound === undefined) return;
    const size = expected === 0 && name === "recipientsPerHour" ? Number.POSITIVE_INFINITY : expected;
    assert.ok(size >= (bound.min ?? 0) && size <= (bound.max ?? Number.POSITIVE_INFINITY), JSON.stringify(shown));
  }

  test("lifting every limit gives back what was there without them", () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 10 }), fc.array(anyLimit, { maxLength: 6 }), (values, limits) => {
        const settings = values.map((each) => set(each.scope, each.name, each.value));
        const free = compilePolicy({ settings });
        let policy = compilePolicy({
          settings,
          limits: limits.map((each) => limit(each.scope, each.name, each.limit)),
        });
        for (const each of limits) policy = withoutLimit(policy, each.scope, each.name, "lifted");
        for (const each of tree) assert.deepEqual(policy.effective(pathOf(each)), free.effective(pathOf(each)));
      }),
      { numRuns: 200 },
    );
  });
});

describe("limits", () => {
  test("a lock after the fact: the locking scope's value counts below, and comes from where it is set", () => {
    let policy = withSetting(emptyPolicy(), set(scopeAt("mbx_a"), "junkAction", "discard"));
    policy = withSetting(policy, set(scopeAt("rsl_1"), "junkAction", "tag"));
    assert.equal(policy.value(pathOf(at("mbx_a")), "junkAction"), "discard");
    policy = withLimit(policy, limit(scopeAt("rsl_1"), "junkAction", { locked: true }));
    const shown = find(policy, at("mbx_a"), "junkAction");
    assert.deepEqual([shown.value, shown.setAtScope, shown.limit?.setAtScope], ["tag", "rsl_1", "rsl_1"]);
    assert.equal(find(policy, at("rsl_1"), "junkAction").limit, undefined);
    assert.equal(find(policy, at("rsl_1"), "junkAction").limitBelow?.locked, true);
    assert.equal(policy.value(pathOf(at("mbx_c")), "junkAction"), "folder", "another reseller's tenant");
  });

  test("0 recipients an hour means no limit, and no way around a bound", () => {
    let policy = withSetting(emptyPolicy(), set(scopeAt("ten_a"), "recipientsPerHour", 0));
    policy = withLimit(policy, limit({ kind: "platform" }, "recipientsPerHour", { max: 200 }));
    assert.equal(policy.value(pathOf(at("mbx_a")), "recipientsPerHour"), 200);
    assert.equal(
      policy.value({}, "recipientsPerHour"),
      500,
      "the platform's own default is not bound by its own limit",
    );
  });

  test("locked relayAddresses open nothing for a tenant that set them before, with and without a named sender", () => {
    const facts = (from: string) => factsOf({ from, ip: "192.0.2.7", recipient: foreignRecipient });
    let policy = withSetting(emptyPolicy(), {
      ...set(scopeAt("ten_a"), "relayAddresses", ["192.0.2.7"]),
      resellerId: "rsl_1" as ResellerId,
    });
    policy = withSetting(policy, set(scopeAt("ten_a"), "relayMode", "addresses"));
    const reasons = (of: CompiledPolicy) =>
      ["joe@a.example", "joe@ext.example"].map((from) => verdictOn(of, "rcpt", facts(from)).reason);
    assert.deepEqual(reasons(policy), ["relay-address", "relay-address"]);
    for (const scope of [{ kind: "platform" } as const, scopeAt("rsl_1")]) {
      const locked = withLimit(policy, limit(scope, "relayAddresses", { locked: true }));
      assert.deepEqual(reasons(locked), ["relay-denied", "relay-denied"]);
      const later = withSetting(locked, set(scopeAt("ten_a"), "relayAddresses", ["192.0.2.7", "192.0.2.8"]));
      assert.deepEqual(reasons(later), ["relay-denied", "relay-denied"]);
      assert.deepEqual(reasons(withoutLimit(later, scope, "relayAddresses", "e")), ["relay-address", "relay-address"]);
    }
    const other = withLimit(policy, limit(scopeAt("rsl_2"), "relayAddresses", { locked: true }));
    assert.deepEqual(reasons(other), ["relay-address", "relay-address"]);
    const narrowed = withLimit(policy, limit(scopeAt("rsl_1"), "relayMode", { allowed: ["none"] }));
    assert.deepEqual(reasons(narrowed), ["relay-denied", "relay-denied"]);
  });

  test("what EHLO advertises covers sizes that a bound raises", () => {
    const raised = withLimit(emptyPolicy(), limit({ kind: "platform" }, "sizeLimitBytes", { min: 100_000_000 }));
    assert.equal(raised.listener().sizeLimitBytes, 100_000_000);
    assert.equal(raised.value(pathOf(at("ten_a")), "sizeLimitBytes"), 100_000_000);
    const lifted = withoutLimit(raised, { kind: "platform" }, "sizeLimitBytes", "e");
    assert.equal(lifted.listener().sizeLimitBytes, emptyPolicy().listener().sizeLimitBytes);
  });

  test("rules add up; the setting shows the scope's own; a lock leaves out those below it", () => {
    const rule = (name: string) => [{ name, all: [], actions: [{ do: "quarantine" }] }];
    let policy = emptyPolicy();
    for (const id of ["platform", "rsl_1", "ten_a", "mbx_a"]) {
      const scope: Scope = id === "platform" ? { kind: "platform" } : scopeAt(id);
      policy = withSetting(policy, set(scope, "rules", rule(id)));
    }
    const running = (of: CompiledPolicy) => of.rules(pathOf(at("mbx_a"))).map(({ scope }) => scopeId(scope));
    assert.deepEqual(running(policy), ["platform", "rsl_1", "ten_a", "mbx_a"]);
    assert.deepEqual(find(policy, at("mbx_a"), "rules").value, rule("mbx_a"));
    assert.deepEqual(find(policy, at("dom_a"), "rules").value, [], "those of the tenant run, but are not the domain's");
    policy = withLimit(policy, limit(scopeAt("rsl_1"), "rules", { locked: true }));
    assert.deepEqual(running(policy), ["platform", "rsl_1"]);
    assert.deepEqual(find(policy, at("mbx_a"), "rules").value, []);
  });
});
