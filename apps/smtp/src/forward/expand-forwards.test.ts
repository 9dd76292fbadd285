import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Directory } from "@mailfold/projection-directory";
import type { Judged } from "../judge.ts";
import { expandForwards } from "./expand-forwards.ts";

/** Nobody lives here: every target is an address elsewhere. */
const directory = { domainByName: () => undefined, tenant: () => undefined } as unknown as Directory;
const targets = (recipient: number, count: number) =>
  Array.from({ length: count }, (_, at) => `t${recipient}-${at}@far.test`);
const judged = (recipient: number, delivery: object): Judged =>
  ({
    verdict: { action: "accept", reason: "accepted", delivery },
    facts: {
      at: 0,
      recipient: {
        address: `r${recipient}@a.test`,
        found: { kind: "local", domain: { tenantId: "ten_a", resellerId: "rsl_1" }, targets: [] },
      },
    },
  }) as never;
const expand = (all: readonly Judged[], charge?: () => boolean) =>
  expandForwards({ judged: all, directory, maySendOut: true, charge, judge: () => assert.fail("nobody is gained") });

describe("a message goes to 100 addresses elsewhere at most", () => {
  test("however many recipients redirect it; whose addresses are beyond that keeps the copy, whoever is within does not", async () => {
    const all = Array.from({ length: 7 }, (_, at) => judged(at, { redirectTo: targets(at, 18) }));
    const { sentOn, redirected } = await expand(all);
    const sent = all.map((each) => sentOn.get(each)?.length ?? 0);
    assert.deepEqual(sent, [18, 18, 18, 18, 18, 10, 0]);
    assert.deepEqual(
      all.map((each) => redirected.has(each)),
      [true, true, true, true, true, false, false],
    );
  });

  test("exactly 100 all go, and what is left out is not charged for", async () => {
    let charged = 0;
    const charge = () => {
      charged += 1;
      return true;
    };
    const full = Array.from({ length: 5 }, (_, at) => judged(at, { redirectTo: targets(at, 20) }));
    assert.equal((await expand(full, charge)).redirected.size, 5);
    assert.equal(charged, 100);
    await expand([...full, judged(5, { forwardTo: ["one@far.test"] })], charge);
    assert.equal(charged, 200);
  });

  test("of one recipient 20 at most", async () => {
    const one = judged(0, { redirectTo: targets(0, 25) });
    assert.equal((await expand([one])).sentOn.get(one)?.length, 20);
  });
});
