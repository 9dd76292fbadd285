import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { chiSquareTail, combineProbabilities } from "./chi-square.ts";
import { createClassifier, type Training } from "./classifier.ts";
import { createMemoryTokenStore } from "./memory-token-store.ts";
import { openSqliteTokenStore } from "./sqlite-token-store.ts";
import { seededRandom, syntheticCorpus } from "./synthetic-corpus-test-world.ts";
import { type TokenChange, type TokenStore, tokenKey } from "./token-store.ts";
import { tokenize } from "./tokenize.ts";

const tenantT = "t" as TenantId;
const limits = { tokensMax: 100_000 };
const words = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu".split(" ");
const trainings: fc.Arbitrary<Training> = fc.record({
  tokens: fc.subarray(words, { minLength: 1 }),
  kind: fc.constantFrom("spam" as const, "ham" as const),
  day: fc.integer({ min: 1, max: 30 }),
});

async function contents(store: TokenStore, tenant = tenantT): Promise<unknown> {
  const reading = await store.read(tenant, words.map(tokenKey));
  return { ...reading, counts: [...reading.counts].sort(([a], [b]) => a - b), size: await store.size(tenant) };
}

async function trained(store: TokenStore, messages: readonly Training[]): Promise<TokenStore> {
  const classifier = createClassifier(store);
  for (const training of messages) await classifier.train(tenantT, training);
  return store;
}

describe("chi-square combination", () => {
  test("the tail agrees with tables", () => {
    for (const [value, degrees, tail] of [
      [3.841, 2, 0.1465],
      [9.488, 4, 0.05],
      [18.307, 10, 0.05],
      [29.588, 10, 0.001],
      [124.342, 100, 0.05],
    ] as const) {
      assert.ok(Math.abs(chiSquareTail(value, degrees) - tail) < 0.0005, `${value} ${degrees}`);
    }
  });
  test("extremes stay finite, mirror images mirror, contradictions stay in the middle", () => {
    assert.ok(combineProbabilities(Array(150).fill(0.999_999)) > 0.999);
    assert.ok(combineProbabilities(Array(150).fill(0.000_001)) < 0.001);
    assert.ok(Math.abs(combineProbabilities([...Array(50).fill(0.99), ...Array(50).fill(0.01)]) - 0.5) < 0.01);
    assert.equal(combineProbabilities([]), 0.5);
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { minLength: 1, maxLength: 60 }),
        (list) => {
          const mirrored = combineProbabilities(list.map((probability) => 1 - probability));
          assert.ok(Math.abs(combineProbabilities(list) + mirrored - 1) < 1e-9);
        },
      ),
    );
  });
});

describe("training", () => {
  test("order does not matter", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(trainings, { maxLength: 12 }), fc.integer(), async (messages, seed) => {
        const random = seededRandom(seed);
        const shuffled = messages
          .map((training) => ({ training, at: random() }))
          .sort((a, b) => a.at - b.at)
          .map(({ training }) => training);
        const [a, b] = [createMemoryTokenStore(limits), createMemoryTokenStore(limits)];
        assert.deepEqual(await contents(await trained(a, messages)), await contents(await trained(b, shuffled)));
      }),
      { numRuns: 60 },
    );
  });
  test("untrain undoes train exactly, and a changed mark equals one made right at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(trainings, { maxLength: 8 }), trainings, async (messages, extra) => {
        const store = await trained(createMemoryTokenStore(limits), messages);
        const before = await contents(store);
        const classifier = createClassifier(store);
        await classifier.train(tenantT, extra);
        assert.notDeepEqual(await contents(store), before);
        await classifier.untrain(tenantT, extra);
        assert.deepEqual(await contents(store), before);
        await classifier.train(tenantT, { ...extra, kind: extra.kind === "spam" ? "ham" : "spam" });
        await classifier.retrain(tenantT, extra);
        const direct = await trained(createMemoryTokenStore(limits), [...messages, extra]);
        assert.deepEqual(await contents(store), await contents(direct));
      }),
      { numRuns: 60 },
    );
  });
  test("tenants share nothing", async () => {
    const store = createMemoryTokenStore(limits);
    await createClassifier(store).train("a" as TenantId, { tokens: words, kind: "spam", day: 1 });
    assert.deepEqual(await contents(store, "b" as TenantId), { messages: { spam: 0, ham: 0 }, counts: [], size: 0 });
  });
});

describe("token stores", () => {
  const changes: fc.Arbitrary<TokenChange> = fc.record({
    kind: fc.constantFrom("spam" as const, "ham" as const),
    by: fc.constantFrom(1 as const, 1 as const, -1 as const),
    keys: fc.subarray(words.map(tokenKey)),
    day: fc.integer({ min: 1, max: 30 }),
  });
  test("SQLite answers as memory does, evictions and expiry included", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(changes, { minLength: 1, maxLength: 3 }), { maxLength: 10 }),
        fc.integer({ min: 2, max: 14 }),
        fc.integer({ min: 0, max: 31 }),
        async (batches, tokensMax, day) => {
          const stores = [createMemoryTokenStore({ tokensMax }), openSqliteTokenStore(":memory:", { tokensMax })];
          const seen = [];
          for (const store of stores) {
            for (const batch of batches) {
              await store.apply(tenantT, batch);
              assert.ok((await store.size(tenantT)) <= tokensMax);
            }
            const before = await contents(store);
            const expired = await store.expire(day, 1_000);
            seen.push({ before, expired, after: await contents(store) });
            await store.close();
          }
          assert.deepEqual(seen[1], seen[0]);
        },
      ),
      { numRuns: 60 },
    );
  });
  test("the least useful go first: rarest, then oldest", async () => {
    for (const store of [
      createMemoryTokenStore({ tokensMax: 10 }),
      openSqliteTokenStore(":memory:", { tokensMax: 10 }),
    ]) {
      const train = (keys: readonly number[], day: number) => store.apply(tenantT, [{ kind: "ham", by: 1, keys, day }]);
      await train([1, 2, 3, 4], 1);
      await train([1, 2], 1);
      await train([5, 6, 7, 8, 9, 10, 11], 2);
      assert.deepEqual(
        [...(await store.read(tenantT, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])).counts.keys()].sort((a, b) => a - b),
        [1, 2, 5, 6, 7, 8, 9, 10, 11],
      );
      await store.close();
    }
  });
  test("a file keeps what was learned; forget removes it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mailfold-tokens-"));
    try {
      const first = openSqliteTokenStore(join(folder, "tokens.db"), limits);
      await trained(first, [{ tokens: words, kind: "spam", day: 1 }]);
      const before = await contents(first);
      await first.close();
      const second = openSqliteTokenStore(join(folder, "tokens.db"), limits);
      assert.deepEqual(await contents(second), before);
      await second.forget(tenantT);
      assert.equal(await second.size(tenantT), 0);
      await second.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  test("keys of many tokens differ", () => {
    const keys = new Set(Array.from({ length: 200_000 }, (_, index) => tokenKey(`b:${index.toString(36)}`)));
    assert.equal(keys.size, 200_000);
    for (const key of keys) assert.ok(Number.isSafeInteger(key) && key >= 0);
  });
});

describe("classify", () => {
  test("says nothing before it has seen enough of both kinds", async () => {
    const classifier = createClassifier(createMemoryTokenStore(limits), { messagesMin: 3 });
    for (let i = 0; i < 50; i += 1) await classifier.train(tenantT, { tokens: ["b:pills"], kind: "spam", day: 1 });
    assert.equal((await classifier.classify(tenantT, ["b:pills"])).verdict, "untrained");
    for (let i = 0; i < 3; i += 1) await classifier.train(tenantT, { tokens: ["b:lunch"], kind: "ham", day: 1 });
    const answer = await classifier.classify(tenantT, ["b:pills", "b:unknown"]);
    assert.deepEqual(
      answer.tokens.map(({ token }) => token),
      ["b:pills"],
    );
    assert.ok(answer.probability > 0.9);
    assert.equal(answer.verdict, "unsure", "one word alone condemns nobody");
  });
  test("on the synthetic corpus: no ham is called spam, most easy spam is found, order of tokens changes nothing", async () => {
    const classifier = createClassifier(createMemoryTokenStore(limits));
    for (const { kind, message } of syntheticCorpus(11, 400)) {
      await classifier.train(tenantT, { tokens: tokenize(message), kind, day: 1 });
    }
    let [found, spam, wrong] = [0, 0, 0];
    for (const { kind, hard, message } of syntheticCorpus(12, 200)) {
      const tokens = tokenize(message);
      const answer = await classifier.classify(tenantT, tokens);
      assert.deepEqual(await classifier.classify(tenantT, [...tokens].reverse()), answer);
      if (kind === "ham" && answer.verdict === "spam") wrong += 1;
      if (kind === "spam" && !hard) {
        spam += 1;
        if (answer.verdict === "spam") found += 1;
      }
    }
    assert.equal(wrong, 0);
    assert.ok(found / spam > 0.6, `${found} of ${spam}`);
  });
});
