import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertSound } from "./assert-sound.ts";
import { indexMessage, type MimeIndex } from "./index.ts";

describe("hostile input is indexed in linear time, truncated where it must be", () => {
  const quick = (name: string, message: Buffer, check: (index: MimeIndex) => void = () => {}) =>
    test(name, () => {
      const started = performance.now();
      const index = indexMessage(message);
      assert.ok(performance.now() - started < 3_000);
      assertSound(index);
      check(index);
    });
  const open = (n: number) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`;
  quick(
    "20,000 levels of multipart",
    Buffer.from(Array.from({ length: 20_000 }, (_, n) => open(n)).join("")),
    (index) => assert.equal(index.truncated, true),
  );
  quick(
    "10,000 message/rfc822 in each other",
    Buffer.from("Content-Type: message/rfc822\r\n\r\n".repeat(10_000)),
    (index) => assert.equal(index.truncated, true),
  );
  quick("30,000 parts", Buffer.from(`${open(1)}${"\r\nx\r\n--b1\r\n".repeat(30_000)}`), (index) => {
    assert.equal(index.truncated, true);
    assert.ok((index.root.parts?.length ?? 0) <= 10_000);
  });
  quick(
    "one boundary at every level",
    Buffer.from("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".repeat(20_000)),
  );
  quick("100,000 fields", Buffer.from(`${"X-A: b\r\n".repeat(100_000)}\r\n`));
  quick("a header of 5 MB in one line", Buffer.from(`Subject: ${"a".repeat(5_000_000)}\r\n\r\n`), (index) =>
    assert.ok((index.root.envelope?.subject?.length ?? 0) <= 65_536),
  );
  quick("lines that almost are delimiters", Buffer.from(`${open(1)}${`--b${"1".repeat(900)}\r\n`.repeat(20_000)}`));
  quick("100,000 addresses", Buffer.from(`To: ${"a@b,".repeat(100_000)}\r\n\r\n`), (index) =>
    assert.ok((index.root.envelope?.to?.length ?? 0) <= 1_000),
  );
  quick(
    "20,000 RFC 2231 pieces",
    Buffer.from(`Content-Type: a/b${Array.from({ length: 20_000 }, (_, n) => `; n*${n}*=x`).join("")}\r\n\r\n`),
  );
  quick(
    "unclosed comments and quotes",
    Buffer.from(`From: ${"(".repeat(60_000)}\r\nTo: ${'"\\'.repeat(30_000)}\r\n\r\n`),
  );
});
