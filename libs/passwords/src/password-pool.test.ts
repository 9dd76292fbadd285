import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { createPasswordPool } from "./password-pool.ts";
import { normalizePassword, passwordProblem } from "./password-text.ts";
import { currentCost, formatPhc, needsRehash, parsePhc } from "./phc-string.ts";
import { createVerifiedCache } from "./verified-cache.ts";
import { createWorkers, PasswordsUnavailable } from "./workers.ts";

const password = "correct horse battery";
const cheapCost = { memoryKib: 64, passes: 1, lanes: 1 };

describe("password pool", () => {
  let nowMs = 0;
  const pool = createPasswordPool({ threads: 1, queueMax: 4, now: () => nowMs });
  after(() => pool.close());

  test("a hash is a PHC string of the current cost, salted, and verifies only its password", async () => {
    const [one, two] = [await pool.hash(password), await pool.hash(password)];
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.notEqual(one, two);
    assert.equal(pool.needsRehash(one), false);
    assert.equal(await pool.verify(one, password), true);
    assert.equal(await pool.verify(one, `${password} `), false);
    assert.equal(await pool.verify(one, ""), false);
    assert.equal(await pool.verify(one, "x".repeat(100_000)), false);
  });

  test("a right password is answered from memory for 60 s, a wrong one never", async () => {
    const phc = await pool.hash(password);
    const timed = async (text: string) => {
      const start = performance.now();
      await pool.verify(phc, text);
      return performance.now() - start;
    };
    const first = await timed(password);
    const second = await timed(password);
    await timed("wrong password");
    const wrongAgain = await timed("wrong password");
    nowMs += 60_001;
    const later = await timed(password);
    assert.ok(second < first / 4, `${second} < ${first} / 4`);
    assert.ok(wrongAgain > second * 4 && later > second * 4);
  });

  test("a login that names nobody costs what a wrong password costs", async () => {
    const phc = await pool.hash(password);
    const median = async (work: () => Promise<unknown>) => {
      const times: number[] = [];
      for (let round = 0; round < 7; round += 1) {
        const start = performance.now();
        await work();
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[3] ?? 0;
    };
    let round = 0;
    const wrong = await median(() => pool.verify(phc, `wrong password ${round++}`));
    const nobody = await median(() => pool.verifyNothing(`wrong password ${round++}`));
    assert.equal(await pool.verifyNothing(password), false);
    assert.ok(nobody > wrong / 2 && nobody < wrong * 2, `${nobody} against ${wrong}`);
  });

  test("beyond its queue it refuses at once with the typed fault, and works on afterwards", async () => {
    const calls = Array.from({ length: 12 }, (_, index) => pool.verifyNothing(`password ${index}`));
    const settled = await Promise.allSettled(calls);
    const refused = settled.filter((result) => result.status === "rejected");
    assert.ok(refused.length >= 7 && refused.length < 12, String(refused.length));
    assert.ok(refused.every(({ reason }) => reason instanceof PasswordsUnavailable && reason.retryAfterSeconds > 0));
    assert.equal(await pool.verifyNothing(password), false);
  });

  test("the same login many times at once is one piece of work", async () => {
    const phc = await pool.hash(password);
    const answers = await Promise.all(Array.from({ length: 50 }, () => pool.verify(phc, password)));
    assert.ok(answers.every((right) => right));
    const nobody = Array.from({ length: 50 }, () => pool.verifyNothing(password, "nobody@example.test"));
    assert.ok((await Promise.all(nobody)).every((right) => !right));
  });

  test("a stored verifier that is none is a fault, not a wrong password", async () => {
    await assert.rejects(pool.verify("$2b$10$abc", password), /PHC/);
    await assert.rejects(pool.hash("short"), RangeError);
  });
});

describe("workers", () => {
  test("a worker that dies is replaced and its task done by another", async () => {
    const workers = createWorkers(1, 8, 10_000);
    const endAll = () => Promise.all(workers.threads().map((thread) => thread.terminate()));
    const task = {
      password,
      salt: Buffer.alloc(16, 1),
      tagBytes: 32,
      cost: { memoryKib: 65_536, passes: 2, lanes: 1 },
    };
    try {
      const expected = await workers.run<Uint8Array>("derive", task);
      const running = workers.run<Uint8Array>("derive", task);
      await endAll();
      assert.deepEqual(await running, expected);
      await endAll();
      assert.deepEqual(await workers.run<Uint8Array>("derive", task), expected);
    } finally {
      await workers.close();
    }
  });

  test("the deadline ends a wait", async () => {
    const workers = createWorkers(1, 8, 1);
    const cost = { memoryKib: 65_536, passes: 4, lanes: 1 };
    const task = { password, salt: Buffer.alloc(16, 1), tagBytes: 32, cost };
    await assert.rejects(workers.run("derive", task), PasswordsUnavailable);
    await workers.close();
    await assert.rejects(workers.run("derive", task), PasswordsUnavailable);
  });
});

describe("PHC strings", () => {
  test("survive parsing, within bounds", () => {
    const bytes = (minLength: number) => fc.uint8Array({ minLength, maxLength: 64 });
    fc.assert(
      fc.property(bytes(8), bytes(16), fc.integer({ min: 8, max: 262_144 }), (salt, tag, memoryKib) => {
        const parsed = parsePhc(formatPhc({ memoryKib, passes: 3, lanes: 1, salt, tag }));
        assert.deepEqual(
          { ...parsed, salt: [...(parsed?.salt ?? [])], tag: [...(parsed?.tag ?? [])] },
          { memoryKib, passes: 3, lanes: 1, salt: [...salt], tag: [...tag] },
        );
      }),
    );
  });

  test("other schemes, versions and ruinous costs are not taken", () => {
    const good = formatPhc({ ...cheapCost, salt: Buffer.alloc(16), tag: Buffer.alloc(32) });
    assert.ok(parsePhc(good));
    const bad = [
      ["argon2id", "argon2i"],
      ["v=19", "v=16"],
      ["m=64", "m=999999"],
      ["t=1", "t=0"],
      ["t=1", "t=99"],
      ["p=1", "p=0"],
      ["m=64", "m=7"],
    ] as const;
    for (const [from, to] of bad) assert.equal(parsePhc(good.replace(from, to)), undefined, to);
    assert.equal(parsePhc(`${good}=`), undefined);
    assert.equal(needsRehash(good), true);
    assert.equal(needsRehash(formatPhc({ ...currentCost, salt: Buffer.alloc(16), tag: Buffer.alloc(32) })), false);
  });
});

describe("password text", () => {
  test("is compared as RFC 8265 OpaqueString", () => {
    assert.equal(normalizePassword("caf\u0065\u0301\u00a0x"), "caf\u00e9 x");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        assert.equal(normalizePassword(normalizePassword(text)), normalizePassword(text));
      }),
    );
  });

  test("refuses what is too short, too long, or holds control characters", () => {
    for (const text of [
      "",
      "short12",
      "x".repeat(1_025),
      "é".repeat(513),
      "with\u0000nul byte",
      "lone \ud800 surrogate",
    ]) {
      assert.notEqual(passwordProblem(text), undefined, JSON.stringify(text).slice(0, 30));
    }
    for (const text of ["eight888", "x".repeat(1_024), "пароль пароль"]) assert.equal(passwordProblem(text), undefined);
  });
});

describe("verified cache", () => {
  test("forgets by time and by number, oldest first", () => {
    let nowMs = 0;
    const cache = createVerifiedCache({ entriesMax: 3, lifetimeMs: 100, now: () => nowMs });
    for (const key of ["a", "b", "c"]) cache.add(key);
    cache.add("a");
    cache.add("d");
    assert.deepEqual(["a", "b", "c", "d"].map(cache.has), [true, false, true, true]);
    nowMs = 100;
    assert.deepEqual(["a", "c", "d"].map(cache.has), [false, false, false]);
    assert.notEqual(cache.keyOf("v1", "p"), cache.keyOf("v2", "p"));
  });
});
