import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { combineAfterData } from "./combine-after-data.ts";
import { factsOf, policyOf, verdictOn } from "./policy-test-world.ts";
import type { Action } from "./types.ts";

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
