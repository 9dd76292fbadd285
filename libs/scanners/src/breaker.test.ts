import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createBreaker } from "./breaker.ts";
import { createGate } from "./gate.ts";
import { down, noPlace } from "./scanner-down.ts";

const clean = { status: "clean" } as const;

describe("breaker", () => {
  const opened = async () => {
    let now = 0;
    const breaker = createBreaker({ failuresMax: 3, openMs: 1_000, clock: { now: () => now } });
    for (let i = 0; i < 3; i++) await breaker.run(async () => down("refused"));
    return { breaker, at: (time: number) => (now = time) };
  };

  test("opens after failures in a row, and says so without asking", async () => {
    const { breaker } = await opened();
    const answer = await breaker.run(() => assert.fail("asked"));
    assert.deepEqual(answer, { status: "down", cause: "not asked after 3 failures: refused" });
  });

  test("a success between failures, or our own load, does not open it", async () => {
    const breaker = createBreaker({ failuresMax: 2 });
    for (const answer of [down("x"), clean, down("x"), noPlace, noPlace])
      assert.equal(await breaker.run(async () => answer), answer);
    assert.equal(await breaker.run(async () => clean), clean);
  });

  test("lets one call try later: its success closes it, its failure opens it again", async () => {
    const { breaker, at } = await opened();
    at(1_000);
    const trial = Promise.withResolvers<typeof clean>();
    const first = breaker.run(() => trial.promise);
    assert.equal((await breaker.run(async () => clean)).status, "down");
    trial.resolve(clean);
    assert.equal(await first, clean);
    assert.equal(await breaker.run(async () => clean), clean);

    const second = await opened();
    second.at(1_000);
    await second.breaker.run(async () => down("again"));
    second.at(1_999);
    assert.equal((await second.breaker.run(async () => clean)).status, "down");
    second.at(2_000);
    assert.equal(await second.breaker.run(async () => clean), clean);
  });
});

describe("gate", () => {
  test("admits so many, lets so many wait in order, and turns the rest away", async () => {
    const gate = createGate(1, 2);
    const never = new AbortController().signal;
    const leave = await gate.enter(never);
    const order: string[] = [];
    const waiting = ["a", "b"].map(async (name) => {
      const done = await gate.enter(never);
      order.push(name);
      done?.();
    });
    assert.equal(await gate.enter(never), undefined);
    leave?.();
    leave?.();
    await Promise.all(waiting);
    assert.deepEqual(order, ["a", "b"]);
    const again = await gate.enter(never);
    assert.ok(again);
  });

  test("who gives up leaves the line, and takes no place with him", async () => {
    const gate = createGate(1, 1);
    const leave = await gate.enter(new AbortController().signal);
    const patience = new AbortController();
    const waiting = gate.enter(patience.signal);
    patience.abort();
    assert.equal(await waiting, undefined);
    leave?.();
    assert.ok(await gate.enter(new AbortController().signal));
  });
});
