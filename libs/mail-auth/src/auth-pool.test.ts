import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createMailAuthPool } from "./auth-pool.ts";
import { type FakeName, fakeResolver, plainMessage, signed, testKeys } from "./auth-test-world.ts";
import { makeSealKey } from "./seal-key.ts";

describe("mail authentication pool", () => {
  const pool = createMailAuthPool({ threads: 1 });
  after(() => pool.close());

  const zone: Record<string, FakeName> = {
    "s1._domainkey.sender.test": { TXT: [testKeys.rsa.record] },
    "sender.test": { TXT: ["v=spf1 mx -all"], MX: ["10 mail.sender.test"] },
    "mail.sender.test": { A: ["192.0.2.1"] },
    "_dmarc.sender.test": { TXT: ["v=DMARC1; p=reject"] },
  };
  const authenticate = (message: string, deadlineMs: number, names = zone) =>
    pool.authenticate({
      ip: "192.0.2.1",
      helo: "mail.sender.test",
      mailFrom: "alice@sender.test",
      hostname: "mx.demo.test",
      message: Buffer.from(message),
      deadlineMs,
      resolver: fakeResolver(names),
    });
  const bigBody = "All work and no play.\r\n".repeat(50_000);

  test("a big message is verified in a worker, its DNS answered from here", async () => {
    const found = await authenticate(await signed(plainMessage("sender.test", bigBody)), 10_000);
    assert.deepEqual([found.spf.result, found.dkim[0]?.result, found.dmarc.result], ["pass", "pass", "pass"]);
  });

  test("DNS that does not answer ends a worker's task with the deadline, as temperror", async () => {
    const message = await signed(plainMessage("sender.test", bigBody));
    const found = await authenticate(message, 1_500, { ...zone, "s1._domainkey.sender.test": "silent" });
    assert.deepEqual([found.spf.result, found.dkim[0]?.result, found.dmarc.result], ["pass", "temperror", "pass"]);
  });

  test("a message that takes too long is killed with its worker; the next one is served", async () => {
    // Each bare LF is a step of its own to the verifier.
    const slow = await signed(plainMessage());
    const started = performance.now();
    const found = await authenticate(`${slow}${"\n".repeat(3_000_000)}`, 200);
    assert.ok(performance.now() - started < 3_000);
    assert.deepEqual([found.dmarc.result, found.arc.result, found.spf.result], ["temperror", "temperror", "temperror"]);
    const next = await authenticate(await signed(plainMessage("sender.test", bigBody)), 10_000);
    assert.equal(next.dkim[0]?.result, "pass");
  });

  test("a big message is sealed in a worker; over its deadline it is not sealed", async () => {
    const { privateKeyPem } = await makeSealKey();
    const message = Buffer.from(await signed(plainMessage("sender.test", bigBody)));
    const results = await authenticate(message.toString(), 10_000);
    const where = { hostname: "mx.one.test", key: privateKeyPem, selector: "arc", domain: "one.test" };
    const sealing = await pool.seal({ message, results, ...where, deadlineMs: 10_000 });
    assert.match(sealing.status === "sealed" ? sealing.headers : sealing.code, /^ARC-Seal: i=1;/);
    const late = await pool.seal({ message, results, ...where, deadlineMs: 1 });
    assert.equal(late.status === "refused" && late.code, "over-budget");
  });
});
