import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { srsForward, srsReverse } from "./srs.ts";

const keys = { current: Buffer.from("0123456789abcdef") };
const otherKeys = { current: Buffer.from("fedcba9876543210") };
const nowMs = Date.UTC(2026, 10, 24);
const dayMs = 86_400_000;

function forward(address: string, options: { domain?: string; keys?: typeof keys; nowMs?: number } = {}): string {
  const made = srsForward(address, { domain: "ours.test", keys, nowMs, ...options });
  if (made.status === "refused") throw new Error(made.code);
  return made.address;
}

const reverse = (address: string, options: { keys?: typeof keys; nowMs?: number } = {}) =>
  srsReverse(address, { keys, nowMs, ...options });

describe("SRS", () => {
  test("an address comes back, changed case included", () => {
    const there = forward("Alice.B@sender.test");
    assert.match(there, /^SRS0=[a-z2-7]{8}=[a-z2-7]{2}=sender\.test=Alice\.B@ours\.test$/);
    assert.deepEqual(reverse(there), { status: "address", address: "Alice.B@sender.test" });
    assert.deepEqual(reverse(there.toUpperCase()), { status: "address", address: "ALICE.B@SENDER.TEST" });
    assert.equal(forward(""), "");
  });

  test("a second and third forwarder keep the first one's name, and unwind to it", () => {
    const first = forward("a@sender.test", { domain: "one.test", keys: otherKeys });
    const second = forward(first, { domain: "two.test" });
    const third = forward(second, { domain: "three.test" });
    assert.match(third, /^SRS1=[a-z2-7]{8}=one\.test==[a-z2-7]{8}=[a-z2-7]{2}=sender\.test=a@three\.test$/);
    for (const further of [second, third]) assert.deepEqual(reverse(further), { status: "address", address: first });
    assert.deepEqual(reverse(first, { keys: otherKeys }), { status: "address", address: "a@sender.test" });
  });

  test("nothing that we did not make is reversed", () => {
    const there = forward("a@sender.test");
    for (const forged of [
      there.replace("sender.test", "victim.test"),
      there.replace("=a@", "=b@"),
      there.replace(/=(..)=sender/, "=aa=sender"),
      forward("a@sender.test", { keys: otherKeys }),
      "SRS0=aaaaaaaa=aa=victim.test=a@ours.test",
      "SRS1=aaaaaaaa=victim.test==x=y=z=a@ours.test",
      "SRS0=short@ours.test",
      there.replace("@ours.test", "@other.test"),
      forward(forward("a@sender.test", { domain: "one.test" }), { domain: "two.test" }).replace("@two", "@ours"),
    ])
      assert.deepEqual(reverse(forged), { status: "refused", code: "bad-hash" }, forged);
    assert.deepEqual(reverse("alice@ours.test"), { status: "refused", code: "not-srs" });
  });

  test("an old key is still believed, a stamp expires, and another node's tomorrow is today", () => {
    const there = forward("a@sender.test");
    const rotated = { current: Buffer.from("new key, 16 octets"), previous: [keys.current] };
    assert.equal(srsReverse(there, { keys: rotated, nowMs }).status, "address");
    assert.equal(reverse(there, { nowMs: nowMs + 21 * dayMs }).status, "address");
    assert.deepEqual(reverse(there, { nowMs: nowMs + 22 * dayMs }), { status: "refused", code: "expired" });
    assert.equal(reverse(there, { nowMs: nowMs - dayMs }).status, "address");
  });

  test("addresses that would not survive are refused", () => {
    const refused = (address: string) => srsForward(address, { domain: "ours.test", keys, nowMs });
    for (const address of ['"a b"@sender.test', "nobody", "@sender.test", "a@[192.0.2.1]", "a\r\nb@sender.test"])
      assert.deepEqual(refused(address), { status: "refused", code: "bad-address" }, address);
    assert.deepEqual(refused(`${"x".repeat(230)}@sender.test`), { status: "refused", code: "too-long" });
  });

  test("any sender comes back unchanged at any time in its life", () => {
    const local = fc.stringMatching(/^[a-zA-Z0-9=+._-]{1,40}$/).filter((text) => !/^srs[01][=+-]/i.test(text));
    const domain = fc.stringMatching(/^[a-z0-9-]{1,20}\.test$/);
    const age = fc.integer({ min: 0, max: 21 });
    const time = fc.integer({ min: 0, max: 4_000 }).map((day) => nowMs + day * dayMs);
    fc.assert(
      fc.property(local, domain, age, time, (user, origin, days, at) => {
        const address = `${user}@${origin}`;
        const there = forward(address, { nowMs: at });
        assert.deepEqual(reverse(there, { nowMs: at + days * dayMs }), { status: "address", address });
      }),
    );
  });
});
