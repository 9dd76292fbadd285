import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ScanFact } from "./content-facts.ts";
import type { SettingInput } from "./policy-changes.ts";
import {
  authenticationOf,
  contentOf,
  domainScopeA,
  entry,
  factsOf,
  foreignRecipient,
  judgeOn,
  type Lookups,
  loginOf,
  mailboxScopeA,
  policyOf,
  scopeA,
  setting,
  tenantA,
  transactionOn,
} from "./policy-test-world.ts";
import type { EntryInput } from "./types.ts";

type Inputs = readonly (SettingInput | EntryInput)[];
const login = { login: loginOf(tenantA), listener: "submission", from: "joe@a.example" } as const;
const submitted = { ...login, content: contentOf("joe@a.example") };
const judged = (found: Lookups, inputs: Inputs = [], more: Parameters<typeof factsOf>[0] = {}) =>
  transactionOn(policyOf(...inputs), factsOf(more), found);
const reply = (verdict: { code: number; enhancedCode: string; reason: string }) =>
  `${verdict.code} ${verdict.enhancedCode} ${verdict.reason}`;
const rspamd = (score: number): ScanFact => ({
  rspamd: { status: "scanned", score, action: "no action", symbols: ["GTUBE", "FROM_X"] },
});
const down = { status: "down", cause: "deadline" } as const;
const infected: ScanFact = { clamav: { status: "infected", signature: "Eicar-Test" } };

describe("viruses", () => {
  test("reject, quarantine or discard, as virusAction says", () => {
    assert.equal(reply(judged({ scan: infected })), "550 5.7.1 virus-found");
    assert.equal(judged({ scan: infected }).decisive.detail, "clamav found Eicar-Test");
    const with_ = (action: string) => judged({ scan: infected }, [setting(scopeA, "virusAction", action)]);
    assert.deepEqual([with_("quarantine").action, with_("quarantine").reason], ["quarantine", "virus-quarantined"]);
    assert.deepEqual([with_("discard").action, with_("discard").reason], ["discard", "virus-discarded"]);
    assert.equal(judged({ scan: infected }, [setting(scopeA, "virusScanner", false)]).reason, "accepted");
  });

  test("beat accept lists, rules, DMARC and thresholds; a relayed copy is always refused", () => {
    const inputs = [entry(scopeA, "accept", "192.0.2.7")];
    const rules = {
      actions: [{ action: { do: "discard" }, rule: "r", scope: "tenant" }],
      matched: [],
      undecided: [],
    } as const;
    const authentication = authenticationOf({ dmarc: { result: "fail", domain: "ext.example", policy: "reject" } });
    assert.equal(judged({ scan: infected, rules, authentication }, inputs).reason, "virus-found");
    const held = [setting(scopeA, "virusAction", "quarantine"), setting(scopeA, "scanAuthenticated", false)];
    assert.equal(judged({ scan: infected }, held, { ...submitted, recipient: foreignRecipient }).reason, "virus-found");
  });
});

describe("scanners", () => {
  const asked = (inputs: Inputs, more: Parameters<typeof factsOf>[0] = {}) =>
    judgeOn(policyOf(...inputs), "data", factsOf(more)).rounds.find((round) => round.needs.includes("scan"))?.scanners;

  test("are asked as the policy wants", () => {
    assert.deepEqual(asked([]), ["rspamd", "clamav"]);
    assert.deepEqual(asked([setting(mailboxScopeA, "spamScanner", false)]), ["clamav"]);
    assert.deepEqual(asked([entry(scopeA, "accept", "192.0.2.7")]), ["clamav"]);
    assert.deepEqual(asked([setting(scopeA, "scanAuthenticated", false)], submitted), ["clamav"]);
    assert.deepEqual(asked([], submitted), ["rspamd", "clamav"]);
    const off = [setting(scopeA, "spamScanner", false), setting(scopeA, "virusScanner", false)];
    assert.equal(asked(off), undefined);
  });

  test("that are down: deferred, or gone on without and said so", () => {
    const defer = [setting(scopeA, "scannerFailure", "defer")];
    for (const scan of [{ clamav: down }, { rspamd: down }]) {
      assert.equal(reply(judged({ scan }, defer)), "451 4.7.1 scanner-unavailable");
      const gone = judged({ scan });
      assert.equal(gone.action, "accept");
      assert.deepEqual([gone.score, gone.scoreParts?.[0]?.detail], [0, "did not answer: deadline"]);
    }
    assert.equal(judged({ scan: { ...infected, rspamd: down } }, defer).reason, "virus-found");
    const without = [...defer, entry(scopeA, "accept", "192.0.2.7")];
    assert.equal(judged({ scan: { rspamd: down } }, without).reason, "accept-listed", "rspamd had no say anyway");
  });
});

describe("score and thresholds", () => {
  const thresholds = (value: Readonly<Record<string, number>>) => setting(scopeA, "spamThresholds", value);
  const strict = [thresholds({ junk: 3, quarantine: 6, reject: 9 })];

  test("reject beats quarantine beats junk", () => {
    const at = (score: number) => judged({ scan: rspamd(score) }, strict);
    assert.equal(at(2.9).reason, "accepted");
    assert.deepEqual([at(3).action, at(3).reason], ["junk", "spam-junk"]);
    assert.deepEqual([at(6).action, at(6).reason], ["quarantine", "spam-quarantined"]);
    assert.equal(reply(at(9)), "550 5.7.1 spam-rejected");
    assert.equal(judged({ scan: rspamd(50) }, [thresholds({})]).reason, "accepted");
  });

  test("everything adds up; the decisive line names the total, the threshold and the strongest parts", () => {
    const found: Lookups = {
      spf: "softfail",
      heloName: "missing",
      scan: rspamd(1.2),
      classifier: { verdict: "spam", probability: 0.99, tokens: ["pills"] },
      findings: [{ check: "html", name: "hidden-text", score: 0.3, detail: "white on white" }],
    };
    const verdict = judged(found);
    assert.deepEqual([verdict.reason, verdict.score], ["spam-junk", 8.5]);
    assert.equal(
      verdict.decisive.detail,
      "8.5 points, junk from 5: classifier-spam 5, rspamd 1.2, helo-unresolved 1, spf-softfail 1, html/hidden-text 0.3",
    );
    assert.deepEqual(
      [verdict.decisive.setting, verdict.decisive.setAtScope, verdict.scope],
      ["spamThresholds", "default", "platform"],
    );
  });

  test("spam that lists alone made of it is told apart: nobody learns from it", () => {
    const phrase = (score: number) => ({ check: "phrases", name: "pills", score, detail: "pills" }) as const;
    const link = (score: number) => ({ check: "urls", name: "bad.example", score, detail: "listed" }) as const;
    const of = (score: number, ...findings: readonly ReturnType<typeof phrase | typeof link>[]) => {
      const lists = [
        setting(scopeA, "phraseList", [{ phrase: "pills", points: 1 }]),
        setting(scopeA, "urlDenyList", ["bad.example"]),
      ];
      const { byLists, reason } = judged({ scan: rspamd(score), findings }, [...strict, ...lists]);
      return [reason, byLists ?? false];
    };
    assert.deepEqual(of(3), ["spam-junk", false]);
    assert.deepEqual(of(3, phrase(1)), ["spam-junk", false], "it was spam without them");
    assert.deepEqual(of(2, phrase(1)), ["spam-junk", true]);
    assert.deepEqual(of(4, link(2)), ["spam-quarantined", true], "what lists raised to another threshold is theirs");
    assert.deepEqual(of(4, phrase(2), link(3)), ["spam-rejected", true]);
    assert.deepEqual(of(9, phrase(2)), ["spam-rejected", false]);
  });

  test("the statistical filter: spam, probably, not spam, nothing", () => {
    const points = (verdict: "spam" | "ham" | "unsure" | "untrained", probability: number) =>
      judged({ classifier: { verdict, probability, tokens: [] } }).score;
    assert.equal(points("spam", 0.95), 5);
    assert.equal(points("unsure", 0.85), 2);
    assert.equal(points("unsure", 0.8), undefined);
    assert.equal(points("ham", 0.1), -1);
    assert.equal(points("untrained", 0.99), undefined);
  });

  test("filters that are switched off are not asked and add nothing", () => {
    const off = [
      setting(domainScopeA, "classifier", false),
      setting(domainScopeA, "contentChecks", []),
      setting(domainScopeA, "spamScanner", false),
    ];
    const { facts, rounds } = judgeOn(policyOf(...off), "data", factsOf());
    assert.deepEqual(rounds.at(-1)?.needs, ["authentication", "scan"]);
    const content = { ...facts.content, scan: rspamd(50), classifier: { verdict: "spam", probability: 1, tokens: [] } };
    const { verdict } = policyOf(...off).evaluate("data", { ...facts, content } as never);
    assert.equal(verdict?.score, undefined);
    const asked = judgeOn(policyOf(), "data", factsOf()).rounds.at(-1);
    assert.deepEqual(asked?.needs, ["authentication", "scan", "classify", "findings"]);
    assert.deepEqual([asked?.tenantId, asked?.path?.mailboxId], [tenantA, "mbx_a"]);
  });

  test("junkAction: folder, tag, header, quarantine, discard", () => {
    const with_ = (action: string) => judged({ scan: rspamd(7) }, [setting(scopeA, "junkAction", action)]);
    const outcomes = ["folder", "tag", "header", "quarantine", "discard"].map(with_);
    assert.deepEqual(
      outcomes.map(({ action, reason }) => `${action} ${reason}`),
      [
        "junk spam-junk",
        "accept spam-tagged",
        "accept spam-marked",
        "quarantine spam-quarantined",
        "discard discarded-junk",
      ],
    );
    assert.equal(outcomes[1]?.delivery?.subjectTag, "[SPAM]");
    assert.ok(outcomes.every(({ route, score }) => route === "local" && score === 7));
  });

  test("mail that leaves is refused at reject and never junk; only rspamd counts for it", () => {
    const relayed = (score: number, inputs: Inputs = strict) =>
      judged({ scan: rspamd(score), classifier: { verdict: "spam", probability: 1, tokens: [] } }, inputs, {
        ...submitted,
        recipient: foreignRecipient,
      });
    assert.deepEqual([relayed(8.9).reason, relayed(8.9).score], ["relay-login", 8.9]);
    assert.equal(relayed(9).reason, "spam-rejected");
    const ungated = [...strict, setting(scopeA, "scanAuthenticated", false)];
    assert.deepEqual([relayed(50, ungated).reason, relayed(50, ungated).score], ["relay-login", undefined]);
    const ownEntry = [...strict, entry(scopeA, "accept", "@a.example")];
    assert.equal(relayed(9, ownEntry).reason, "spam-rejected", "a stolen login sends under an accepted name, too");
  });

  test("an accept entry spares from points and thresholds at every scope", () => {
    const verdict = judged({ scan: rspamd(50), spf: "softfail" }, [entry(mailboxScopeA, "accept", "@ext.example")]);
    assert.deepEqual([verdict.reason, verdict.score], ["accept-listed", undefined]);
  });

  test("what becomes of a message never gets milder with more points", () => {
    const rank = { accept: 0, junk: 1, quarantine: 2, discard: 2, reject: 3, defer: 3 };
    const policy = policyOf(...strict);
    fc.assert(
      fc.property(fc.integer({ min: -50, max: 200 }), fc.integer({ min: 0, max: 100 }), (tenths, more) => {
        const at = (score: number) => rank[transactionOn(policy, factsOf(), { scan: rspamd(score) }).action];
        assert.ok(at((tenths + more) / 10) >= at(tenths / 10));
      }),
      { numRuns: 300 },
    );
  });
});
