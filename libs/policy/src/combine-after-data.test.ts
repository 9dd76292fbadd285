import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { combineAfterData } from "./combine-after-data.ts";
import { factsOf, policyOf, verdictOn } from "./policy-test-world.ts";
import type { Action, Verdict } from "./types.ts";

const accepted = verdictOn(policyOf(), "data", factsOf());
const verdict = (action: Action, more: Partial<Verdict> = {}): Verdict => ({
  ...accepted,
  action,
  code: action === "defer" ? 452 : action === "reject" ? 550 : 250,
  ...more,
});

describe("combineAfterData", () => {
  test("all reject: the first one's 5xx; nothing is stored", () => {
    const reply = combineAfterData([verdict("reject", { code: 554 }), verdict("reject")]);
    assert.deepEqual([reply.action, reply.code, reply.decisiveIndex], ["reject", 554, 0]);
    assert.deepEqual(reply.dispositions, ["refuse", "refuse"]);
  });

  test("none taken and any defer: 4xx, so that nobody's mail is lost", () => {
    const reply = combineAfterData([verdict("reject"), verdict("defer"), verdict("reject")]);
    assert.deepEqual([reply.action, reply.code, reply.decisiveIndex], ["defer", 452, 1]);
  });

  test("any taken: 250, rejected copies quarantined, deferred ones held", () => {
    const actions = ["reject", "accept", "defer", "junk", "quarantine", "discard"] as const;
    const reply = combineAfterData([
      ...actions.map((action) => verdict(action)),
      verdict("accept", { route: "relay" }),
    ]);
    assert.equal(reply.code, 250);
    assert.deepEqual(reply.dispositions, ["quarantine", "deliver", "hold", "junk", "quarantine", "discard", "relay"]);
  });

  test("the class of the reply follows from the set of actions, and order never matters to it", () => {
    const action = fc.constantFrom<Action>("accept", "reject", "defer", "quarantine", "junk", "discard");
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 8 }), (actions) => {
        const reply = combineAfterData(actions.map((one) => verdict(one)));
        const reversed = combineAfterData(actions.toReversed().map((one) => verdict(one)));
        const taken = actions.some((one) => one !== "reject" && one !== "defer");
        assert.equal(Math.floor(reply.code / 100), taken ? 2 : actions.includes("defer") ? 4 : 5);
        assert.equal(reversed.action, reply.action);
        assert.equal(reply.dispositions.includes("refuse"), !taken);
      }),
    );
  });
});
