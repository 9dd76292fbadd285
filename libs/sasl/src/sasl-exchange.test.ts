import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { SaslStep } from "./sasl-exchange.ts";
import { parseMechanism, startSasl } from "./sasl-exchange.ts";
import { decodeStrictBase64, saslLineMax } from "./strict-base64.ts";

const b64 = (text: string) => Buffer.from(text).toString("base64");
const challenge = (base64: string): SaslStep => ({ kind: "challenge", base64 });
const cause = (step: SaslStep) => (step.kind === "refused" ? step.cause : step.kind);
const noNul = fc
  .string({ unit: "grapheme", minLength: 1 })
  .filter((text) => !text.includes("\0") && text.isWellFormed());

describe("PLAIN", () => {
  test("with an initial response, and without", () => {
    const sent = b64("\0tim\0tanstaaftanstaaf");
    const expected: SaslStep = { kind: "credentials", login: "tim", password: "tanstaaftanstaaf" };
    assert.deepEqual(startSasl("PLAIN", sent).first, expected);
    const exchange = startSasl("PLAIN");
    assert.deepEqual(exchange.first, challenge(""));
    assert.deepEqual(exchange.next(sent), expected);
  });

  test("any UTF-8 login and password arrive as sent", () => {
    fc.assert(
      fc.property(noNul, noNul, fc.boolean(), (login, password, named) => {
        const { first } = startSasl("PLAIN", b64(`${named ? login : ""}\0${login}\0${password}`));
        assert.deepEqual(first, { kind: "credentials", login, password });
      }),
    );
  });

  test("an authzid other than the login is refused", () => {
    assert.equal(cause(startSasl("PLAIN", b64("root\0tim\0secret")).first), "other-authzid");
    assert.equal(cause(startSasl("PLAIN", b64("Tim\0tim\0secret")).first), "other-authzid");
  });

  test("everything else is malformed, and no message repeats what was sent", () => {
    const bad = ["", "tim", "\0tim", "\0\0", "\0tim\0", "\0\0secret", "\0tim\0sec\0ret", "tim\0secret"].map(b64);
    const notUtf8 = Buffer.from([0, 0x74, 0, 0xff, 0xfe]).toString("base64");
    for (const line of [...bad, notUtf8, "=", "====", "AHRpbQBzZWNyZXQ", "AHRp bQBzZWNyZXQ=", "*"]) {
      const { first } = startSasl("PLAIN", line);
      assert.equal(cause(first), "malformed", line);
      assert.ok(!JSON.stringify(first).includes("secret"));
    }
  });

  test("a line of * cancels", () => {
    assert.equal(cause(startSasl("PLAIN").next("*")), "cancelled");
    assert.equal(cause(startSasl("LOGIN").next("*")), "cancelled");
  });
});

describe("LOGIN", () => {
  test("asks for login and password; the login may come at once", () => {
    const expected: SaslStep = { kind: "credentials", login: "tim", password: "secret" };
    const exchange = startSasl("LOGIN");
    assert.deepEqual(exchange.first, challenge("VXNlcm5hbWU6"));
    assert.deepEqual(exchange.next(b64("tim")), challenge("UGFzc3dvcmQ6"));
    assert.deepEqual(exchange.next(b64("secret")), expected);
    const early = startSasl("LOGIN", b64("tim"));
    assert.deepEqual(early.first, challenge("UGFzc3dvcmQ6"));
    assert.deepEqual(early.next(b64("secret")), expected);
  });

  test("empty answers and NUL are malformed", () => {
    for (const line of ["", b64("a\0b"), "%%%%"]) assert.equal(cause(startSasl("LOGIN").next(line)), "malformed");
    assert.equal(cause(startSasl("LOGIN", b64("tim")).next("")), "malformed");
  });
});

describe("mechanisms and base64", () => {
  test("mechanism names are read in any case; what is not built is unknown", () => {
    assert.equal(parseMechanism("plain"), "PLAIN");
    for (const name of ["CRAM-MD5", "SCRAM-SHA-256", "", "PLAIN "]) assert.equal(parseMechanism(name), undefined);
  });

  test("bytes have exactly one spelling", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        assert.deepEqual(decodeStrictBase64(text), Buffer.from(bytes));
      }),
    );
    for (const text of [
      "YQ",
      "YR==",
      "YQ=",
      "YQ===",
      "Y-__",
      "YQ==YQ==",
      "YQ==\n",
      "Y Q=",
      "A".repeat(saslLineMax + 4),
    ]) {
      assert.equal(decodeStrictBase64(text), undefined, text.slice(0, 20));
    }
  });
});
