import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { combineAfterData } from "./combine-after-data.ts";
import {
  domainA,
  factsOf,
  foreignRecipient,
  type Lookups,
  localRecipient,
  loginOf,
  policyOf,
  setting,
  tenantA,
  transactionOn,
  verdictOn,
} from "./policy-test-world.ts";
import type { Action, Facts } from "./types.ts";

const accepted = verdictOn(policyOf(), "data", factsOf());
const copy = (action: Action, isLocal = true) => ({ verdict: { ...accepted, action }, isLocal });

describe("combineAfterData", () => {
  test("all reject: the first one's reply; nothing is stored", () => {
    assert.deepEqual(combineAfterData([copy("reject"), copy("reject")]), { kind: "refuse", by: 0 });
  });

  test("none taken and any defer: 4xx, so that nobody's mail is lost", () => {
    assert.deepEqual(combineAfterData([copy("reject"), copy("defer"), copy("reject")]), { kind: "refuse", by: 1 });
  });

  test("any taken: 250, refused local copies are held", () => {
    for (const action of ["accept", "junk", "quarantine", "discard"] as const) {
      assert.deepEqual(combineAfterData([copy("reject"), copy(action), copy("defer")]), { kind: "take" });
    }
  });

  test("a refused relay copy refuses the whole: no mailbox could hold it", () => {
    assert.deepEqual(combineAfterData([copy("accept"), copy("reject", false)]), { kind: "refuse", by: 1 });
    assert.deepEqual(combineAfterData([copy("accept"), copy("accept", false)]), { kind: "take" });
  });

  test("the class of the answer follows from the set of copies, and their order never matters to it", () => {
    const action = fc.constantFrom<Action>("accept", "reject", "defer", "quarantine", "junk", "discard");
    const copies = fc.array(fc.record({ action, isLocal: fc.boolean() }), { minLength: 1, maxLength: 8 });
    const classOf = (given: readonly { readonly action: Action; readonly isLocal: boolean }[]) => {
      const answer = combineAfterData(given.map((each) => copy(each.action, each.isLocal)));
      return answer.kind === "take" ? "take" : "refuse";
    };
    fc.assert(
      fc.property(copies, (given) => {
        const isTaken = (each: (typeof given)[number]) => each.action !== "reject" && each.action !== "defer";
        const expected =
          given.some(isTaken) && given.every((each) => isTaken(each) || each.isLocal) ? "take" : "refuse";
        assert.equal(classOf(given), expected);
        assert.equal(classOf(given.toReversed()), expected);
      }),
    );
  });
});

describe("one message for recipients of three tenants", () => {
  const actions: readonly Action[] = ["accept", "reject", "defer", "quarantine", "discard", "junk"];
  const tenants = ["ten_a", "ten_b", "ten_c"] as const;
  const policy = policyOf(
    ...tenants.flatMap((id) => {
      const scope = { kind: "tenant", id: id as typeof tenantA } as const;
      const rules = [{ name: "r", all: [], actions: [] }];
      return [setting(scope, "rules", rules), setting(scope, "scannerFailure", "defer")];
    }),
  );
  const decides = (action: "reject" | "quarantine" | "discard"): Lookups => ({
    rules: { actions: [{ action: { do: action }, rule: "r", scope: "tenant" }], matched: [], undecided: [] },
  });
  /** What makes the real policy decide so. */
  const causes: Readonly<Record<Action, Lookups>> = {
    accept: {},
    reject: decides("reject"),
    quarantine: decides("quarantine"),
    discard: decides("discard"),
    defer: { scan: { clamav: { status: "down", cause: "deadline" } } },
    junk: { scan: { rspamd: { status: "scanned", score: 6, action: "x", symbols: [] } } },
  };
  const recipientOf = (tenantId: string, index: number): Partial<Facts> => {
    const domain = { ...domainA, tenantId: tenantId as typeof tenantA, domainId: `dom_${tenantId}` as never };
    const found = { ...localRecipient().found, domain } as never;
    return { recipient: { ...localRecipient(), address: `u${index}@a.example`, found } };
  };

  test("each copy has one fate, and the sender's answer fits them all: nothing lost, doubled or bounced", () => {
    const recipients = fc.array(
      fc.record({ tenant: fc.constantFrom(...tenants), action: fc.constantFrom(...actions) }),
      {
        minLength: 1,
        maxLength: 7,
      },
    );
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(recipients, (all) => {
        const copies = all.map(({ tenant, action }, index) => {
          const verdict = transactionOn(policy, factsOf(recipientOf(tenant, index)), causes[action]);
          assert.deepEqual([verdict.action, verdict.tenantId], [action, tenant]);
          return { verdict, isLocal: true };
        });
        const answer = combineAfterData(copies);
        const fates = copies.map(({ verdict: { action } }) => {
          // Refused mail is never stored: the sender keeps it, or tries again.
          if (answer.kind === "refuse") return "with the sender";
          if (action === "accept" || action === "junk") return "mailbox";
          return action === "defer" ? "judged again" : "quarantine";
        });
        for (const [index, fate] of fates.entries()) {
          const { verdict } = copies[index] ?? assert.fail();
          // A taken mail would be lost with the sender told 5xx, a refused one doubled with it told 250.
          if (fate === "with the sender") assert.ok(verdict.action === "reject" || verdict.action === "defer");
          seen.set(`${verdict.action}: ${fate}`, (seen.get(`${verdict.action}: ${fate}`) ?? 0) + 1);
        }
        if (answer.kind === "refuse") {
          // Tried again as long as one recipient may still take it; for good only when all refuse for good.
          const code = copies[answer.by]?.verdict.code ?? 0;
          assert.equal(Math.floor(code / 100), all.every(({ action }) => action === "reject") ? 5 : 4);
        }
      }),
      { numRuns: 1_500 },
    );
    assert.deepEqual([...seen.keys()].sort(), [
      "accept: mailbox",
      "defer: judged again",
      "defer: with the sender",
      "discard: quarantine",
      "junk: mailbox",
      "quarantine: quarantine",
      "reject: quarantine",
      "reject: with the sender",
    ]);
  });

  test("a login's refused copy that leaves refuses the whole: nothing is stored that would have to bounce", () => {
    const login = { login: loginOf(tenantA), listener: "submission", from: "joe@a.example" } as const;
    const own = factsOf(login).content;
    assert.ok(own);
    const content = { ...own, from: ["joe@a.example"] };
    const relayed = transactionOn(policy, factsOf({ ...login, content, recipient: foreignRecipient }), {
      scan: { clamav: { status: "infected", signature: "x" } },
    });
    const local = transactionOn(policy, factsOf({ ...login, content }));
    assert.deepEqual([relayed.action, local.action], ["reject", "accept"]);
    const copies = [
      { verdict: local, isLocal: true },
      { verdict: relayed, isLocal: false },
    ];
    assert.deepEqual(combineAfterData(copies), { kind: "refuse", by: 1 });
  });
});
