import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createClamavClient, createRspamdClient } from "@mailfold/scanners";
import { startClamd, startRspamd } from "./scanner-daemons.ts";

// Both test patterns are put together here, so that no scanner on the way takes this file for what it tests.
const gtube = ["XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE", "STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"].join("-");
const eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("-");
const deadlineMs = 700;

function mail(body: string): Buffer {
  return Buffer.from(
    `From: a@x.test\r\nTo: b@y.test\r\nSubject: Test\r\nMessage-ID: <${body.length}@x.test>\r\n\r\n${body}\r\n`,
  );
}

/** An attachment as it travels. */
function mailWithAttachment(content: string): Buffer {
  const encoded = Buffer.from(content).toString("base64");
  const boundary = "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  return Buffer.from(
    `From: a@x.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${boundary}${encoded}\r\n--b--\r\n`,
  );
}

/** The answer, which must be `down` and there within the deadline (and the time a busy machine takes). */
async function assertDown(ask: () => Promise<{ readonly status: string }>): Promise<void> {
  const started = performance.now();
  const answer = await ask();
  assert.equal(answer.status, "down", JSON.stringify(answer));
  assert.ok(performance.now() - started < deadlineMs + 1_000);
}

describe("real rspamd", () => {
  let rspamd: Awaited<ReturnType<typeof startRspamd>>;
  const envelope = { from: "a@x.test", recipients: ["b@y.test", "ü@y.test"], ip: "192.0.2.1", helo: "h.test" };
  const client = (options: { readonly deadlineMs?: number; readonly password?: string } = {}) =>
    createRspamdClient({
      url: `http://127.0.0.1:${rspamd.port}`,
      controllerUrl: `http://127.0.0.1:${rspamd.controllerPort}`,
      deadlineMs: 5_000,
      ...options,
    });
  before(async () => {
    rspamd = await startRspamd();
  });
  after(() => rspamd.stop());

  test("GTUBE is to be rejected, an ordinary mail is not", async () => {
    const spam = await client().scan(mail(gtube), envelope);
    assert.ok(spam.status === "scanned");
    assert.deepEqual([spam.action, spam.score >= spam.requiredScore], ["reject", true]);
    assert.deepEqual(
      spam.symbols.map((symbol) => symbol.name),
      ["GTUBE"],
    );
    const ham = await client().scan(mail("Lunch at noon?"), envelope);
    assert.ok(ham.status === "scanned");
    assert.deepEqual([ham.action, ham.score < ham.requiredScore], ["no action", true]);
  });

  test("it learns with its password, once", async () => {
    const teacher = client({ password: rspamd.password });
    const offer = mail("a wonderful offer of pills and watches for you today only, buy them before the stock runs out");
    assert.deepEqual(await teacher.learn(offer, "spam"), { status: "learned" });
    assert.equal((await teacher.learn(offer, "spam")).status, "refused");
    assert.equal((await client({ password: "wrong" }).learn(offer, "ham")).status, "refused");
  });

  test("frozen, it is down at the deadline; thawed, it answers again; killed, it is down at once", async () => {
    const scan = () => client({ deadlineMs }).scan(mail("Lunch?"), envelope);
    rspamd.freeze();
    await assertDown(scan);
    rspamd.thaw();
    assert.equal((await client().scan(mail("Lunch?"), envelope)).status, "scanned");
    await rspamd.kill();
    await assertDown(scan);
  });
});

describe("real ClamAV", () => {
  let clamd: Awaited<ReturnType<typeof startClamd>>;
  const client = (more: { readonly deadlineMs?: number } = {}) =>
    createClamavClient({ host: "127.0.0.1", port: clamd.port, deadlineMs: 10_000, ...more });
  before(async () => {
    clamd = await startClamd();
  });
  after(() => clamd.stop());

  test("EICAR is found, plain and as an attachment; an ordinary mail is clean", async () => {
    for (const message of [Buffer.from(eicar), mailWithAttachment(eicar)])
      assert.deepEqual(await client().scan(message), {
        status: "infected",
        signature: "Mailfold.Test.Eicar.UNOFFICIAL",
      });
    assert.deepEqual(await client().scan(mail("Lunch at noon?")), { status: "clean" });
    assert.deepEqual(await client().scan(mailWithAttachment("Minutes of the meeting")), { status: "clean" });
  });

  test("over its Unix socket too, and many at once", async () => {
    const local = createClamavClient({ socketPath: clamd.socketPath, deadlineMs: 10_000, concurrencyMax: 4 });
    const found = await Promise.all(
      Array.from({ length: 40 }, (_, i) => local.scan(i % 2 === 0 ? mail(eicar) : mail(`Lunch ${i}?`))),
    );
    assert.deepEqual(
      found.map((scan) => scan.status),
      found.map((_, i) => (i % 2 === 0 ? "infected" : "clean")),
    );
  });

  test("what is over its StreamMaxLength is too large, not clean and not a failure", async () => {
    for (let i = 0; i < 100; i++)
      assert.deepEqual(await client().scan(Buffer.alloc(3_000_000, "x")), { status: "tooLarge" });
  });

  test("frozen, it is down at the deadline; thawed, it answers again; killed, it is down at once", async () => {
    const scan = () => client({ deadlineMs }).scan(mail("Lunch?"));
    clamd.freeze();
    await assertDown(scan);
    clamd.thaw();
    assert.deepEqual(await client().scan(mail("Lunch?")), { status: "clean" });
    await clamd.kill();
    await assertDown(scan);
  });
});
