import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { KeysFault } from "./key-files.ts";
import { openKeys } from "./keys.ts";

describe("keys", () => {
  const made: string[] = [];
  const freshDir = () => {
    const dir = mkdtempSync(join(tmpdir(), "mailfold-keys-"));
    made.push(dir);
    return join(dir, "keys");
  };
  after(() => {
    for (const dir of made) rmSync(dir, { recursive: true, force: true });
  });

  test("what is sealed opens again, also after a restart and in a second opener", () => {
    const dir = freshDir();
    const keys = openKeys({ dir });
    const beside = openKeys({ dir });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.constantFrom("platform", "ten_01", "ten_02"), (text, scope) => {
        const sealed = keys.seal(scope, text);
        assert.equal(keys.open(sealed), text);
        assert.equal(beside.open(sealed), text);
      }),
      { numRuns: 50 },
    );
    const sealed = keys.seal("ten_01", "alice@example.test");
    assert.equal(openKeys({ dir }).open(sealed), "alice@example.test");
    assert.ok(!JSON.stringify(sealed).includes("alice"));
  });

  test("two openers that seal for one new scope use one key", () => {
    const dir = freshDir();
    const [a, b] = [openKeys({ dir }), openKeys({ dir })];
    const [fromA, fromB] = [a.seal("ten_01", "x"), b.seal("ten_01", "y")];
    assert.equal(fromA.keyId, fromB.keyId);
    assert.equal(a.open(fromB), "y");
  });

  test("a change of any byte is noticed", () => {
    const keys = openKeys({ dir: freshDir() });
    const sealed = keys.seal("platform", "secret");
    const flipped = Buffer.from(sealed.ciphertext, "base64");
    flipped[0] = flipped.readUInt8(0) ^ 1;
    assert.throws(() => keys.open({ ...sealed, ciphertext: flipped.toString("base64") }));
    assert.throws(() => keys.open({ ...sealed, ciphertext: "" }));
  });

  test("an erased scope stays closed; sealing afterwards makes another key; other scopes are untouched", () => {
    const dir = freshDir();
    const keys = openKeys({ dir });
    const [gone, kept] = [keys.seal("ten_01", "gone"), keys.seal("ten_02", "kept")];
    assert.deepEqual([keys.hasScope("ten_01"), keys.hasScope("ten_00")], [true, false]);
    assert.equal(keys.eraseScope("ten_01"), true);
    assert.equal(keys.eraseScope("ten_01"), false);
    assert.deepEqual([keys.hasScope("ten_01"), keys.hasScope("ten_02")], [false, true]);
    assert.equal(keys.open(gone), undefined);
    const anew = keys.seal("ten_01", "new");
    assert.notEqual(anew.keyId, gone.keyId);
    for (const opener of [keys, openKeys({ dir })]) {
      assert.equal(opener.open(gone), undefined);
      assert.equal(opener.open(anew), "new");
      assert.equal(opener.open(kept), "kept");
    }
  });

  test("an opener that knew a scope's erased key still opens what is sealed under the next one", () => {
    const dir = freshDir();
    const [writer, reader] = [openKeys({ dir }), openKeys({ dir })];
    const first = writer.seal("ten_01", "first");
    assert.equal(reader.open(first), "first");
    writer.eraseScope("ten_01");
    assert.equal(reader.open(writer.seal("ten_01", "second")), "second");
    assert.equal(reader.open(first), undefined);
  });

  test("purpose secrets and blind indexes are stable and differ by purpose and installation", () => {
    const dir = freshDir();
    const keys = openKeys({ dir });
    const again = openKeys({ dir });
    const other = openKeys({ dir: freshDir() });
    assert.deepEqual(keys.secret("ids"), again.secret("ids"));
    assert.equal(keys.secret("ids").length, 32);
    assert.notDeepEqual(keys.secret("ids"), keys.secret("inputs"));
    assert.notDeepEqual(keys.secret("ids"), other.secret("ids"));
    assert.match(keys.blindIndex("address", "a@b.test"), /^[0-9a-f]{64}$/);
    assert.equal(keys.blindIndex("address", "a@b.test"), again.blindIndex("address", "a@b.test"));
    assert.notEqual(keys.blindIndex("address", "a@b.test"), keys.blindIndex("pattern", "a@b.test"));
  });

  test("directories are 0700, files 0600 (tightened when not), no drafts are left, no data key lies open", () => {
    const dir = freshDir();
    openKeys({ dir }).seal("ten_01", "x");
    chmodSync(join(dir, "root.json"), 0o644);
    openKeys({ dir });
    assert.equal(statSync(dir).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(dir).sort(), ["derivation.json", "root.json", "scopes"]);
    assert.deepEqual(readdirSync(join(dir, "scopes")), ["ten_01.json"]);
    for (const file of ["root.json", "derivation.json", "scopes/ten_01.json"]) {
      assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600);
    }
    const wrapped = JSON.parse(readFileSync(join(dir, "scopes/ten_01.json"), "utf8"));
    assert.deepEqual(Object.keys(wrapped).sort(), ["ciphertext", "keyId", "nonce", "version"]);
  });

  test("a lost, damaged or foreign root key is told, never replaced", () => {
    const dir = freshDir();
    openKeys({ dir }).seal("ten_01", "x");
    const root = join(dir, "root.json");
    const text = readFileSync(root, "utf8");
    rmSync(root);
    assert.throws(() => openKeys({ dir }), KeysFault);
    writeFileSync(root, "{");
    assert.throws(() => openKeys({ dir }), KeysFault);
    writeFileSync(root, JSON.stringify({ version: 1, keyId: "root", key: Buffer.alloc(32).toString("base64") }));
    assert.throws(() => openKeys({ dir }), /mixed/);
    writeFileSync(root, text);
    assert.ok(openKeys({ dir }));
  });

  test("a scope name that could leave the directory is refused", () => {
    const keys = openKeys({ dir: freshDir() });
    for (const scope of ["../x", "a/b", "", "A", "x".repeat(65)]) assert.throws(() => keys.seal(scope, "x"), /scope/);
  });
});
