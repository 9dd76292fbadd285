import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import { compilePolicy } from "../compiled-policy.ts";
import {
  authenticationOf,
  contentOf,
  entry,
  factsOf,
  foreignRecipient,
  type Lookups,
  localRecipient,
  loginOf,
  platformScope,
  policyOf,
  scopeA,
  setting,
  tenantA,
} from "../policy-test-world.ts";
import type { CompiledPolicy, Facts } from "../types.ts";
import type { ChangePlace } from "./apply-changes.ts";
import { recordOf } from "./counterfactual-test-world.ts";
import { searchCounterfactual } from "./search-counterfactual.ts";

const tenantReader = ({ path }: ChangePlace): boolean => path.tenantId === tenantA;
const platformReader = (): boolean => true;

/** The answer in words: scope kind and change, or why there is none. */
function answer(
  policy: CompiledPolicy,
  facts: Facts,
  more: { readonly lookups?: Lookups; readonly mayChange?: (place: ChangePlace) => boolean } = {},
): unknown {
  const recorded = recordOf(policy, facts, more.lookups);
  const found = searchCounterfactual({ policy, recorded, mayChange: more.mayChange ?? tenantReader });
  if ("none" in found) return found.none;
  assert.equal(found.verdict.action, "accept");
  return [found.place.scope.kind, found.change];
}

describe("searchCounterfactual", () => {
  test("a kill entry: the sender accepted, at the narrowest scope; without a sender, the peer", () => {
    const policy = policyOf(entry(scopeA, "kill", "@ext.example"), entry(platformScope, "kill", "192.0.2.0/24"));
    const accept = (pattern: string) => ["mailbox", { entryAdd: { list: "accept", pattern } }];
    assert.deepEqual(answer(policy, factsOf()), accept("joe@ext.example"));
    assert.deepEqual(answer(policy, factsOf({ from: "" })), accept("192.0.2.7"));
    // SPF says that the sender is forged: only its address helps.
    const looked = factsOf({ spf: { result: "fail", identity: "mailfrom", domain: "ext.example" } });
    assert.deepEqual(answer(policy, looked), accept("192.0.2.7"));
    // Nobody asked for SPF then: the answer says so.
    const found = searchCounterfactual({ policy, recorded: recordOf(policy, factsOf()), mayChange: tenantReader });
    assert.deepEqual("none" in found ? [] : found.unasked, ["spf"]);
  });

  test("what is no matter of policy, or for others to change, is said so", () => {
    const { found, ...rest } = localRecipient();
    assert.ok(found.kind === "local");
    const unknown = factsOf({ recipient: { ...rest, found: { kind: "unknown", domain: found.domain } } });
    assert.equal(answer(policyOf(), unknown), "not-policy");
    assert.equal(answer(policyOf(), factsOf({ recipient: localRecipient({ suspended: true }) })), "not-policy");
    assert.equal(answer(policyOf(), factsOf()), "accepted");
    const stranger = factsOf({ recipient: foreignRecipient });
    assert.equal(answer(policyOf(), stranger), "above");
    assert.deepEqual(answer(policyOf(), stranger, { mayChange: platformReader }), [
      "platform",
      { entryAdd: { list: "accept", pattern: "192.0.2.7" } },
    ]);
    const infected = { scan: { clamav: { status: "infected", signature: "Eicar" } } } as const;
    assert.equal(answer(policyOf(), factsOf(), { lookups: infected, mayChange: platformReader }), "unsafe");
  });

  test("a locked setting is no way out, though it would be one", () => {
    const login = loginOf(tenantA);
    const mismatch = factsOf({ login, listener: "submission", from: "ceo@ext.example" });
    const locked = compilePolicy({
      limits: [{ scope: platformScope, name: "senderMustMatchLogin", limit: { locked: true }, byEvent: "e" }],
    });
    const change = { set: { senderMustMatchLogin: false } };
    assert.deepEqual(answer(policyOf(), mismatch), ["tenant", change]);
    assert.equal(answer(locked, mismatch), "locked");
    assert.deepEqual(answer(locked, mismatch, { mayChange: platformReader }), ["platform", change]);
  });

  test("the nearest number and the next word", () => {
    const login = loginOf(tenantA);
    const sent = factsOf({ login, from: "joe@a.example", recipient: { ...foreignRecipient, acceptedBefore: 104 } });
    assert.deepEqual(answer(policyOf(), sent), ["mailbox", { set: { maxRecipientsPerMessage: 105 } }]);
    const big = factsOf({ content: contentOf("joe@ext.example", { sizeBytes: 60_000_000 }) });
    assert.deepEqual(answer(policyOf(), big), ["mailbox", { set: { sizeLimitBytes: 60_000_000 } }]);
    const forged = authenticationOf({ dmarc: { result: "fail", domain: "ext.example", policy: "reject" } });
    assert.deepEqual(answer(policyOf(), factsOf({ from: "" }), { lookups: { authentication: forged } }), [
      "mailbox",
      { entryAdd: { list: "accept", pattern: "192.0.2.7" } },
    ]);
    const none = factsOf({ from: "", sender: { address: "", form: "plain" }, ip: "10.0.0.1" });
    assert.deepEqual(answer(policyOf(setting(scopeA, "refuseNullSender", true)), none), [
      "mailbox",
      { entryAdd: { list: "accept", pattern: "10.0.0.1" } },
    ]);
  });

  test("a rule that refuses: its refusal taken out, else the rule; one of the scope above is not in reach", () => {
    const rule = (name: string, ...actions: readonly SettingValue[]): SettingValue => ({ name, all: [], actions });
    const rules = [rule("no", { do: "reject" })];
    assert.deepEqual(answer(policyOf(setting(scopeA, "rules", rules)), factsOf()), [
      "tenant",
      { ruleDelete: { name: "no" } },
    ]);
    const both = rule("no", { do: "tag", text: "[x]" }, { do: "quarantine" });
    const less = rule("no", { do: "tag", text: "[x]" });
    assert.deepEqual(answer(policyOf(setting(scopeA, "rules", [both])), factsOf()), [
      "tenant",
      { ruleSave: { rule: less } },
    ]);
    assert.equal(answer(policyOf(setting(platformScope, "rules", rules)), factsOf()), "above");
    const two = policyOf(setting(scopeA, "rules", rules), setting(platformScope, "rules", rules));
    assert.equal(answer(two, factsOf()), "not-policy");
  });

  test("junk is turned into the inbox", () => {
    const lookups = {
      scan: { rspamd: { status: "scanned", score: 7, action: "add header", symbols: ["X"] } },
    } as const;
    assert.deepEqual(answer(policyOf(), factsOf({ from: "" }), { lookups }), [
      "mailbox",
      { entryAdd: { list: "accept", pattern: "192.0.2.7" } },
    ]);
  });
});
