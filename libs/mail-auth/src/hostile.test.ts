import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { authenticated, plainMessage, signed, testKeys } from "./auth-test-world.ts";
import { authenticationResults } from "./authentication-results.ts";

const zone = {
  "s1._domainkey.sender.test": { TXT: [testKeys.rsa.record] },
  "s1._domainkey.evil.test": { TXT: [testKeys.ed25519.record] },
  "evil.test": { TXT: ["v=spf1 +all"] },
  "_dmarc.sender.test": { TXT: ["v=DMARC1; p=reject"] },
  "_dmarc.evil.test": { TXT: ["v=DMARC1; p=none"] },
};
const message = Buffer.from(await signed(plainMessage()));
const ours = { mailFrom: "x@evil.test" } as const;

describe("hostile messages", () => {
  test("bytes put anywhere give values, and never an exception", async () => {
    const edit = fc.record({ at: fc.nat(message.length), cut: fc.nat(40), put: fc.uint8Array({ maxLength: 40 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 6 }), async (edits) => {
        let bytes = message;
        for (const { at, cut, put } of edits)
          bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]);
        const result = await authenticated(bytes, zone, ours);
        assert.ok(authenticationResults("mx.demo.test", result).startsWith("Authentication-Results: mx.demo.test;"));
      }),
      { numRuns: 300 },
    );
  });

  test("no From that a stranger writes passes DMARC as somebody else", async () => {
    const word = fc.constantFrom("<", ">", ",", ";", ":", '"', "(", ")", "@", "\\", "\r\n ", " ", ".", "\t", "Ceo");
    const address = fc.constantFrom("ceo@sender.test", "ceo@evil.test", "sender.test", "evil.test");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(word, address), { maxLength: 12 }), async (parts) => {
        const forged = plainMessage().replace("Alice <alice@sender.test>", () => parts.join(""));
        const bytes = await signed(forged, { domain: "evil.test", key: testKeys.ed25519 });
        const { dmarc } = await authenticated(bytes, zone, ours);
        assert.ok(dmarc.result !== "pass" || /(^|\.)evil\.test$/.test(dmarc.domain), JSON.stringify(parts));
        const whole = /^[^@]*<?ceo@sender\.test>?$/.test(parts.join(""));
        assert.ok(!whole || dmarc.result !== "pass", JSON.stringify(parts));
      }),
      { numRuns: 300 },
    );
  });

  test("a body that differs in any octet but line-end blanks does not pass", async () => {
    const bodyAt = message.indexOf("\r\n\r\n") + 4;
    const change = fc.record({
      at: fc.integer({ min: bodyAt, max: message.length - 3 }),
      by: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, by }) => {
        const bytes = Buffer.from(message);
        bytes[at] = (bytes[at] ?? 0) ^ by;
        fc.pre(![0x0a, 0x0d, 0x20, 0x09].includes(bytes[at] ?? 0));
        const result = await authenticated(bytes, zone);
        assert.notEqual(result.dkim[0]?.result, "pass");
      }),
      { numRuns: 100 },
    );
  });

  test("small messages made to be slow do not hold up the thread", async () => {
    const set = (i: number) =>
      `ARC-Seal: i=${i}; a=rsa-sha256; d=evil.test; s=s1; t=1; cv=${i === 1 ? "none" : "pass"}; b=AAAA\r\n` +
      `ARC-Message-Signature: i=${i}; a=rsa-sha256; c=relaxed/relaxed; d=evil.test; s=s1; h=from; bh=AAAA; b=AAAA\r\n` +
      `ARC-Authentication-Results: i=${i}; evil.test; none\r\n`;
    const from = "From: a@evil.test\r\n";
    const slow = {
      "folded lines": `${from}X: a\r\n${" \r\n".repeat(5_000)}\r\n`,
      "bare line feeds": `${from}\r\n${"\n".repeat(16_000)}`,
      "an ARC chain": `${Array.from({ length: 45 }, (_, i) => set(i + 1)).join("")}${from}\r\n`,
      "many From fields": `${from.repeat(800)}\r\n`,
      "nested comments": `From: ${"(".repeat(15_000)} a@evil.test\r\n\r\n`,
      "quoted pairs": `From: "${"\\".repeat(15_000)}" <a@evil.test>\r\n\r\n`,
      "a list of addresses": `From: ${"a@evil.test,".repeat(1_250)}\r\n\r\n`,
    };
    for (const [name, text] of Object.entries(slow)) {
      const started = performance.now();
      await authenticated(text, zone, ours);
      const tookMs = performance.now() - started;
      assert.ok(tookMs < 500, `${name}: ${tookMs} ms`);
    }
  });
});
