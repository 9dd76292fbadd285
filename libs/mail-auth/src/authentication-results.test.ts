import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { MessageAuthResult } from "./auth-result.ts";
import { authenticated, plainMessage, signed, testKeys } from "./auth-test-world.ts";
import { authenticationResults } from "./authentication-results.ts";
import { stripForeignResults } from "./strip-foreign-results.ts";

const ours = "mx.demo.test";
const strip = (header: string, hostname = ours) =>
  Buffer.from(stripForeignResults(Buffer.from(header, "latin1"), hostname)).toString("latin1");

describe("Authentication-Results", () => {
  test("the field of a signed message", async () => {
    const zone = {
      "s1._domainkey.sender.test": { TXT: [testKeys.rsa.record] },
      "sender.test": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] },
      "_dmarc.sender.test": { TXT: ["v=DMARC1; p=reject"] },
    };
    const result = await authenticated(await signed(plainMessage()), zone);
    const field = authenticationResults(ours, result).replace(/header\.b=(?:"[^"]{8}"|[^\s";]{8})/, "header.b=B");
    assert.equal(
      field,
      [
        "Authentication-Results: mx.demo.test",
        "\tspf=pass smtp.mailfrom=sender.test",
        "\tdkim=pass header.d=sender.test header.s=s1 header.a=rsa-sha256 header.b=B",
        "\tdmarc=pass policy.dmarc=reject header.from=sender.test",
        "\tarc=none\r\n",
      ].join(";\r\n"),
    );
  });

  test("no text of a stranger ends the field, leaves its quotes or is longer than a line may be", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
        const result: MessageAuthResult = {
          spf: { result: "fail", identity: "helo", domain: text },
          dkim: [{ result: "fail", domain: text, selector: text, algorithm: text, aligned: false, detail: text }],
          dkimNotChecked: 0,
          dmarc: {
            result: "fail",
            domain: text,
            alignment: { spf: false, dkim: false, spfMode: "relaxed", dkimMode: "relaxed" },
            detail: text,
          },
          arc: { result: "fail", chain: [], detail: text },
        };
        const field = authenticationResults(ours, result);
        const lines = field.split("\r\n");
        assert.equal(lines.length, 6);
        assert.ok(lines.slice(1, 5).every((line) => /^\t[\x20-\x7e]+$/.test(line) && line.length < 998));
        const bare = field.replace(/"(?:[^"\\]|\\.)*"/g, "Q");
        assert.deepEqual(bare.match(/(?:spf|dkim|dmarc|arc)=/g), ["spf=", "dkim=", "dmarc=", "arc="]);
      }),
    );
  });
});

describe("stripForeignResults", () => {
  test("takes out what claims to be ours, in every spelling", () => {
    for (const claim of [
      "Authentication-Results: mx.demo.test; spf=pass\r\n",
      "authentication-results:mx.demo.test 1; spf=pass\r\n",
      "Authentication-Results : MX.Demo.Test.; none\r\n",
      'Authentication-Results: "mx.demo.test"; spf=pass\r\n',
      'Authentication-Results: "mx\\.demo.test"; spf=pass\r\n',
      "Authentication-Results: (a (nested) ; comment)\r\n\tmx.demo.test;\r\n\tspf=pass\r\n",
      "Authentication-Results:\r\n mx.demo.test; spf=pass\r\n",
      "Authentication-Results\r\n : mx.demo.test; spf=pass\r\n",
      "Authentication-Results: mx.demo.test(c); spf=pass\r\n",
      "Authentication-Results: @; mx.demo.test; spf=pass\r\n",
      "Authentication-Results: (mx.demo.test; spf=pass\r\n",
      "Authentication-Results: mx.demo.test; spf=pass\n",
    ])
      assert.equal(strip(`A: 1\r\n${claim}B: 2\r\n\r\n`), "A: 1\r\nB: 2\r\n\r\n", claim);
  });

  test("leaves others' results, other fields and the body alone", () => {
    const header = [
      "Authentication-Results: mx.other.test; spf=pass (mx.demo.test)\r\n",
      "Authentication-Results: mx.demo.test.evil.test; spf=pass\r\n",
      "X-Authentication-Results: mx.demo.test; spf=pass\r\n",
      "ARC-Authentication-Results: i=1; mx.demo.test; spf=pass\r\n",
      "Subject: Authentication-Results: mx.demo.test\r\n",
      "\r\nAuthentication-Results: mx.demo.test; spf=pass\r\n",
    ].join("");
    const bytes = Buffer.from(header);
    assert.equal(stripForeignResults(bytes, ours), bytes);
  });

  test("any field that names us first is gone, and what is left keeps its bytes and order", () => {
    const foreign = fc.constantFrom(
      "Subject: x\r\n",
      "Received: a\r\n\tb\r\n",
      "Authentication-Results: other; none\r\n",
    );
    const own = fc
      .tuple(fc.constantFrom("", " ", "\r\n\t", "(c) "), fc.constantFrom(";", " 1;", "\r\n ;", "(x);"))
      .map(([before, after]) => `Authentication-Results:${before}mx.demo.test${after} spf=pass\r\n`);
    fc.assert(
      fc.property(fc.array(fc.oneof(foreign, own), { maxLength: 12 }), (fields) => {
        const expected = fields.filter((field) => !field.includes("mx.demo.test")).join("");
        assert.equal(strip(fields.join("")), expected);
      }),
    );
  });

  test("is linear in hostile input", () => {
    const hostile = `Authentication-Results: ${"(".repeat(500_000)}\r\n${"Authentication-Results: \r\n".repeat(20_000)}`;
    const started = performance.now();
    strip(hostile);
    assert.ok(performance.now() - started < 1_000);
  });
});
