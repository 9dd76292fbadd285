import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RuleActionFact, RuleScopeKind, RulesFact } from "./content-facts.ts";
import {
  contentOf,
  domainA,
  entry,
  factsOf,
  foreignRecipient,
  judgeOn,
  type Lookups,
  localRecipient,
  loginOf,
  mailboxScopeA,
  platformScope,
  policyOf,
  scopeA,
  setting,
  tenantA,
  transactionOn,
} from "./policy-test-world.ts";
import type { CompiledPolicy } from "./types.ts";

const inbound = { name: "r", all: [], actions: [{ do: "quarantine" }] };
const rules = (scope: Parameters<typeof setting>[0], ...list: readonly object[]) =>
  setting(scope, "rules", list as never);
const said = (actions: readonly RuleActionFact[], scope: RuleScopeKind = "tenant"): RulesFact => ({
  actions: actions.map((action) => ({ action, rule: "r", scope })),
  matched: [{ rule: "r", scope, line: "Subject: pills" }],
  undecided: [],
});
const policy = policyOf(rules(scopeA, inbound), setting(scopeA, "spamThresholds", { junk: 5, reject: 10 }));
const judged = (actions: readonly RuleActionFact[], more: Lookups = {}, on: CompiledPolicy = policy) =>
  transactionOn(on, factsOf(), { rules: said(actions), ...more });
const spam = { scan: { rspamd: { status: "scanned", score: 7, action: "x", symbols: [] } } } as const;
const submitted = {
  login: loginOf(tenantA),
  listener: "submission",
  from: "joe@a.example",
  content: contentOf("joe@a.example"),
  recipient: foreignRecipient,
} as const;

describe("processing rules", () => {
  test("are asked for where there are any, with path and points so far", () => {
    const asks = (on: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}, found: Lookups = {}) =>
      judgeOn(on, "data", factsOf(more), found).rounds.find((round) => round.needs.includes("rules"));
    assert.equal(asks(policyOf()), undefined);
    assert.equal(asks(policyOf(rules(scopeA, { ...inbound, enabled: false }))), undefined);
    assert.equal(asks(policyOf(rules(scopeA, { ...inbound, direction: "outbound" }))), undefined);
    for (const scope of [platformScope, scopeA, mailboxScopeA]) {
      const asked = asks(policyOf(rules(scope, inbound)), {}, spam);
      assert.deepEqual(asked?.path, { resellerId: "rsl_1", tenantId: "ten_a", domainId: "dom_a", mailboxId: "mbx_a" });
      assert.equal(asked?.score, 7);
    }
    const accepting = policyOf(rules(scopeA, inbound), entry(scopeA, "accept", "192.0.2.7"));
    assert.deepEqual([asks(accepting, {}, spam)?.needs, asks(accepting, {}, spam)?.score], [["rules"], undefined]);
    const outbound = policyOf(rules(scopeA, { ...inbound, direction: "outbound" }));
    assert.deepEqual(asks(outbound, submitted)?.path, { tenantId: "ten_a", resellerId: "rsl_1" });
    assert.equal(asks(policyOf(rules(scopeA, inbound)), submitted), undefined);
  });

  test("reject with their own words, quarantine and discard; the line says which rule and what matched", () => {
    const rejected = judged([{ do: "reject", text: "No pills here" }]);
    assert.deepEqual([rejected.action, rejected.reason, rejected.text], ["reject", "rule-rejected", "No pills here"]);
    assert.deepEqual(
      [rejected.decisive.setting, rejected.decisive.setAtScope, rejected.decisive.detail],
      ["rules", "ten_a", 'rule "r": Subject: pills'],
    );
    assert.match(rejected.decisive.byEvent ?? "", /^evt-rules/);
    assert.equal(judged([{ do: "reject" }]).text, "Refused by a rule of the recipient");
    assert.equal(judged([{ do: "reject", text: "two\r\nlines" }]).text, "Refused by a rule of the recipient");
    assert.deepEqual(
      [judged([{ do: "quarantine" }]).action, judged([{ do: "quarantine" }]).reason],
      ["quarantine", "rule-quarantined"],
    );
    assert.equal(judged([{ do: "discard" }]).reason, "rule-discarded");
  });

  test("beat thresholds, harsh or mild, and hold for accepted senders", () => {
    const harsh = { scan: { rspamd: { ...spam.scan.rspamd, score: 50 } } };
    assert.equal(judged([{ do: "quarantine" }], harsh).reason, "rule-quarantined");
    assert.equal(judged([{ do: "tag", text: "x" }], harsh).reason, "spam-rejected");
    const accepting = policyOf(rules(scopeA, inbound), entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(judged([{ do: "reject" }], {}, accepting).reason, "rule-rejected");
  });

  test("say how a taken copy is delivered", () => {
    const all: readonly RuleActionFact[] = [
      { do: "file", folder: "News" },
      { do: "copy", folder: "Copies" },
      { do: "header", name: "X-Rule", value: "1" },
      { do: "tag", text: "[NEWS]" },
      { do: "flag", flag: "\\Flagged" },
      { do: "forward", to: ["x@y.example"] },
      { do: "redirect", to: ["z@y.example"] },
    ];
    const delivery = {
      folder: "News",
      copies: ["Copies"],
      headers: [{ name: "X-Rule", value: "1" }],
      subjectTag: "[NEWS]",
      flags: ["\\Flagged"],
      forwardTo: ["x@y.example"],
      redirectTo: ["z@y.example"],
    };
    assert.deepEqual(judged(all).delivery, delivery);
    const junk = judged(all, spam);
    assert.deepEqual([junk.action, junk.delivery], ["junk", delivery]);
    const { copies: _copies, forwardTo: _forward, redirectTo: _redirect, ...kept } = delivery;
    const held = judged([...all, { do: "quarantine" }]);
    assert.deepEqual([held.action, held.delivery], ["quarantine", kept]);
    assert.equal(judged([...all, { do: "reject" }]).delivery, undefined);
    const tagged = policyOf(rules(scopeA, inbound), setting(scopeA, "junkAction", "tag"));
    assert.equal(judged(all, spam, tagged).delivery?.subjectTag, "[SPAM] [NEWS]");
  });

  test("send nothing on from a domain that is not verified; the copy stays, and the trace says so", () => {
    const actions: readonly RuleActionFact[] = [
      { do: "file", folder: "News" },
      { do: "forward", to: ["x@y.example"] },
      { do: "redirect", to: ["z@y.example"] },
    ];
    const recipient = localRecipient();
    assert.ok(recipient.found.kind === "local");
    const unproven = { ...recipient, found: { ...recipient.found, domain: { ...domainA, verified: false } } };
    const { facts, verdict } = judgeOn(policy, "data", factsOf({ recipient: unproven }), { rules: said(actions) });
    assert.deepEqual([verdict.action, verdict.delivery], ["accept", { folder: "News" }]);
    const trace = policy.evaluate("data", facts, { explain: true }).verdict?.trace ?? [];
    const skipped = trace
      .filter(({ outcome, step }) => step === "rules" && outcome === "skip")
      .map(({ detail }) => detail);
    const line = 'rule "r": not sent on, a.example is not verified';
    assert.deepEqual(skipped, [line, line]);
  });

  test("of the sending tenant can only refuse what leaves", () => {
    const outbound = policyOf(rules(scopeA, { ...inbound, direction: "outbound" }));
    for (const action of [{ do: "quarantine" }, { do: "discard" }, { do: "reject", text: "no" }] as const) {
      const verdict = transactionOn(outbound, factsOf(submitted), { rules: said([action]) });
      assert.deepEqual([verdict.action, verdict.reason], ["reject", "rule-rejected"]);
    }
  });

  test("that ran out of time are said in the trace", () => {
    const fact: RulesFact = { actions: [], matched: [], undecided: [{ rule: "slow", scope: "tenant" }] };
    const { facts } = judgeOn(policy, "data", factsOf(), { rules: fact });
    const { verdict } = policy.evaluate("data", facts, { explain: true });
    assert.ok(verdict?.trace?.some(({ detail }) => detail === 'rule "slow" ran out of time'));
  });
});
