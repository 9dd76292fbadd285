import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { MailboxId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { type LearnableMark, type MarkStore, openMarkStore } from "./sqlite-mark-store.ts";
import { tokenKey } from "./token-store.ts";

const tenantId = "ten_1" as TenantId;
const options = { tokensMax: 1_000, epoch: "epoch-1" };
const tokensOf = (message: string) => ["b:all", `b:${message}`];
const keys = ["b:all", "b:m0", "b:m1", "b:m2"].map(tokenKey);

describe("the store of marks", () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "mailfold-marks-"));
    path = join(dir, "classifier.db");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const mark = (n: number, kind: "spam" | "ham", messageKey = "m0"): LearnableMark => ({
    tenantId,
    mailboxId: "mbx_1" as MailboxId,
    messageKey,
    kind,
    position: String(n).padStart(4, "0"),
    day: 20_000,
  });
  const counts = (store: MarkStore) => {
    const { messages, counts: seen } = store.read(tenantId, keys);
    return { messages, seen: Object.fromEntries(keys.map((key, n) => [n, seen.get(key)])) };
  };
  const using = <T>(work: (store: MarkStore) => T, given = options): T => {
    const { store } = openMarkStore(path, given);
    try {
      return work(store);
    } finally {
      store.close();
    }
  };

  test("the last mark of a message counts, and each mark once", () => {
    using((store) => {
      assert.equal(store.learn(mark(1, "spam"), tokensOf("m0")), "trained");
      assert.equal(store.learn(mark(2, "spam"), tokensOf("m0")), "known");
      assert.equal(store.learn(mark(3, "ham"), tokensOf("m0")), "changed");
      assert.deepEqual(counts(store).messages, { spam: 0, ham: 1 });
      assert.deepEqual(counts(store).seen["1"], { spam: 0, ham: 1 });
      assert.equal(store.learn(mark(3, "spam"), tokensOf("m0")), "known", "worked off before");
      assert.equal(store.checkpoint(), "0003");
    });
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test("without tokens nothing is trained, and the place in the log is kept", () => {
    using((store) => {
      assert.equal(store.learn(mark(1, "spam"), undefined), "skipped");
      assert.equal(store.learn(mark(2, "ham"), tokensOf("m0")), "trained");
      assert.equal(store.learn(mark(3, "spam"), undefined), "skipped", "what was trained as ham stays so");
      assert.equal(store.learn(mark(4, "spam"), tokensOf("m0")), "changed");
      store.pass("0009");
      store.pass("0007");
    });
    assert.equal(
      using((store) => store.checkpoint()),
      "0009",
    );
  });

  test("a file that is no database, of another log or of another format is begun anew", () => {
    using((store) => store.learn(mark(1, "spam"), tokensOf("m0")));
    const other = openMarkStore(path, { ...options, epoch: "epoch-2" });
    assert.match(other.rebuilt ?? "", /another log/);
    assert.equal(other.store.checkpoint(), "");
    assert.deepEqual(counts(other.store).messages, { spam: 0, ham: 0 });
    other.store.close();
    writeFileSync(path, "no database at all, but long enough to be looked at".repeat(100));
    const broken = openMarkStore(path, options);
    assert.match(broken.rebuilt ?? "", /not a database/);
    assert.equal(broken.store.learn(mark(1, "spam"), tokensOf("m0")), "trained");
    broken.store.close();
    assert.equal(openAndClose().rebuilt, undefined);
  });
  const openAndClose = () => {
    const opened = openMarkStore(path, options);
    opened.store.close();
    return opened;
  };

  test("old tokens and old marks go, and a mark after that is a first one", () => {
    using((store) => {
      store.learn(mark(1, "spam"), tokensOf("m0"));
      assert.equal(store.expire({ tokensDay: 20_000, marksDay: 20_000 }, 10), 0);
      assert.equal(store.expire({ tokensDay: 20_001, marksDay: 20_001 }, 10), 3);
      assert.equal(store.learn(mark(2, "ham"), tokensOf("m0")), "trained");
    });
  });

  test("all of a tenant's tokens are forgotten, another's stay, and it can learn again", () => {
    using((store) => {
      store.learn(mark(1, "spam"), tokensOf("m0"));
      store.learn(
        { ...mark(2, "spam"), tenantId: "ten_2" as TenantId, mailboxId: "mbx_2" as MailboxId },
        tokensOf("m0"),
      );
      assert.deepEqual(store.tenants(), [tenantId, "ten_2"]);
      store.forget(tenantId);
      assert.deepEqual(store.tenants(), ["ten_2"]);
      assert.deepEqual(counts(store).messages, { spam: 0, ham: 0 });
      assert.equal(store.read("ten_2" as TenantId, []).messages.spam, 1);
      store.learn(mark(3, "ham", "m1"), tokensOf("m1"));
      assert.deepEqual(counts(store).messages, { spam: 0, ham: 1 });
    });
  });

  test("property: killed anywhere and begun again from its checkpoint, it counts what it would have counted", () => {
    const marks = fc.array(fc.tuple(fc.constantFrom("spam", "ham"), fc.constantFrom("m0", "m1", "m2")), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(marks, fc.array(fc.nat(12), { maxLength: 3 }), (told, kills) => {
        const log = told.map(([kind, message], n) => mark(n + 1, kind as "spam" | "ham", message));
        const run = (until: number) =>
          using((store) => {
            // From a little before: a feed may deliver an event again.
            const from = Math.max(0, Number(store.checkpoint() || 0) - 2);
            for (const each of log.slice(from, until)) store.learn(each, tokensOf(each.messageKey));
            return counts(store);
          });
        for (const until of [...kills].sort((a, b) => a - b)) run(until);
        const seen = run(log.length);
        rmSync(path);
        assert.deepEqual(seen, run(log.length));
        rmSync(path);
        const last = new Map(log.map((each) => [each.messageKey, each.kind]));
        const spam = [...last.values()].filter((kind) => kind === "spam").length;
        assert.deepEqual(seen.messages, { spam, ham: last.size - spam });
      }),
      { numRuns: 40 },
    );
  });
});
