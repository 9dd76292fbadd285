import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { IdKind } from "@mailfold/kernel";
import { idPrefixes } from "@mailfold/kernel";
import fc from "fast-check";
import { deriveId, idFromUuid, kindOfId, newId, parseId, uuidFromId } from "./ids.ts";
import { createUuidV7, deriveUuid, formatUuid, isUuid, uuidV5 } from "./uuid.ts";

const kinds = Object.keys(idPrefixes) as IdKind[];
const key = Buffer.alloc(32, 7);

describe("ids", () => {
  test("a new id is prefix, underscore and 26 lower-case characters, and parses only as its kind", () => {
    for (const kind of kinds) {
      const id = newId(kind);
      assert.match(id, /^[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
      for (const other of kinds) assert.equal(parseId(other, id), other === kind ? id : undefined);
      assert.equal(kindOfId(id), kind);
    }
  });

  test("every UUID survives the way into an id and back, and order is kept", () => {
    const uuids = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatUuid(Buffer.from(bytes)));
    fc.assert(
      fc.property(uuids, uuids, (a, b) => {
        const [idA, idB] = [idFromUuid("mailbox", a), idFromUuid("mailbox", b)];
        assert.equal(uuidFromId(idA), a);
        assert.equal(idA < idB, a < b);
      }),
    );
  });

  test("malformed ids are not ids", () => {
    const good: string = newId("tenant");
    const bad = [
      "",
      "ten_",
      good.slice(1),
      `${good}0`,
      good.slice(0, -1),
      good.toUpperCase(),
      "ten_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    ];
    for (const text of [...bad, `ten_${"i".repeat(26)}`, `ten-${good.slice(4)}`]) {
      assert.equal(parseId("tenant", text), undefined, text);
    }
    assert.throws(() => uuidFromId("ten_x"));
  });

  test("UUIDv7s of one process rise strictly, also when the clock stands or steps back", () => {
    let tick = 0;
    const next = createUuidV7(() => 1_700_000_000_000 - (tick++ % 3) * tick);
    const made = Array.from({ length: 10_000 }, next);
    for (let index = 1; index < made.length; index += 1) assert.ok(made[index - 1]! < made[index]!);
    assert.ok(made.every((uuid) => /^.{14}7.{4}[89ab]/.test(uuid) && isUuid(uuid)));
  });

  test("a derived id is stable, keyed, and separates its parts", () => {
    const id = deriveId("mailbox", key, "subject", "mailboxCreate", "c1");
    assert.equal(id, deriveId("mailbox", key, "subject", "mailboxCreate", "c1"));
    const others = [
      deriveId("mailbox", Buffer.alloc(32, 8), "subject", "mailboxCreate", "c1"),
      deriveId("mailbox", key, "subjectmailboxCreate", "", "c1"),
      deriveId("mailbox", key, "subject", "mailboxCreate", "c2"),
    ];
    assert.ok(others.every((other) => other !== id));
    assert.match(deriveUuid(key, "a"), /^.{14}8.{4}[89ab]/);
  });

  test("UUIDv5 answers the example of RFC 9562 appendix A.4", () => {
    assert.equal(
      uuidV5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"),
      "2ed6657d-e927-568b-95e1-2665a8aea6a2",
    );
  });
});
