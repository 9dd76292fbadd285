import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { heldEntry } from "./held-mail.ts";
import { messageIdCounts, openImap } from "./imap-reader.ts";
import { openSession } from "./open-session.ts";
import { mail } from "./options/option-world.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { type Explained, explained, outcomeOf, referenceIn, setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, provisionTenant, type Tenant } from "./provision.ts";
import { startClamd, startRspamd } from "./scanner-daemons.ts";
import { sendLetter } from "./smtp-dialogue.ts";

// Put together here, so that no scanner on the way takes this file for what it tests.
const gtube = ["XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE", "STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"].join("-");
const eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("-");
/** What the platform gives ClamAV for one message; rspamd has half of it. */
const deadlineMs = 30_000;

describe("rspamd and ClamAV behind the whole platform", () => {
  let rspamd: Awaited<ReturnType<typeof startRspamd>>;
  let clamd: Awaited<ReturnType<typeof startClamd>>;
  let platform: Platform;
  /** Goes on without a scanner that is down. */
  let open: Tenant;
  /** Defers then. */
  let careful: Tenant;
  before(async () => {
    [rspamd, clamd] = await Promise.all([startRspamd(), startClamd()]);
    platform = await startPlatform({
      env: {
        MAILFOLD_DEMO: "0",
        MAILFOLD_RSPAMD: `http://127.0.0.1:${rspamd.port}`,
        MAILFOLD_RSPAMD_CONTROLLER: `http://:${encodeURIComponent(rspamd.password)}@127.0.0.1:${rspamd.controllerPort}`,
        MAILFOLD_CLAMAV: `127.0.0.1:${clamd.port}`,
      },
    });
    open = await provisionTenant(platform, "open");
    careful = await provisionTenant(platform, "careful");
    await setPolicy(platform, { tenantId: careful.id }, { scannerFailure: "defer" });
  });
  after(async () => {
    await platform?.stop();
    await Promise.all([rspamd?.stop(), clamd?.stop()]);
  });

  const userOf = ({ mailboxes }: Tenant): MailboxLogin => mailboxes[0] ?? assert.fail("no mailbox");
  const letter = (tenant: Tenant, subject: string, body?: string) => ({
    from: "someone@foreign.example",
    to: [userOf(tenant).address],
    message: mail(subject, body === undefined ? {} : { body: `${body}\n` }),
  });
  const outcome = (tenant: Tenant, subject: string, body?: string) =>
    outcomeOf(platform, {}, letter(tenant, subject, body));
  /** The verdict behind the answer, and how long that took. */
  const verdict = async (tenant: Tenant, subject: string): Promise<Explained & { readonly tookMs: number }> => {
    const startedAt = performance.now();
    const { final } = await sendPatiently(tenant, subject);
    const tookMs = performance.now() - startedAt;
    return { ...(await explained(platform, referenceIn(final))), tookMs };
  };
  /** A stalled scanner takes longer than a dialogue waits for a reply. */
  const sendPatiently = async (tenant: Tenant, subject: string) => {
    const { dialogue } = await openSession({ port: platform.ports.smtp });
    const { from, to, message } = letter(tenant, subject);
    await dialogue.command(`MAIL FROM:<${from}>`);
    await dialogue.command(`RCPT TO:<${to[0]}>`);
    await dialogue.command("DATA");
    for (let tries = 0; ; tries += 1) {
      try {
        const final = await (tries === 0 ? dialogue.body(message) : dialogue.reply());
        dialogue.close();
        return { final };
      } catch (error) {
        if (tries === 3) throw error;
      }
    }
  };
  const scannerLines = ({ trace }: Explained) =>
    trace.filter(({ step }) => step === "scanner").map(({ outcome: what, detail }) => `${what} ${detail}`);
  /** Both answers to a scanner that is down: what each tenant wanted, said in the verdict. */
  const assertConfigured = async (subject: string, wanted: { readonly said: RegExp; readonly withinMs: number }) => {
    const [taken, deferred] = await Promise.all([verdict(open, subject), verdict(careful, subject)]);
    assert.deepEqual(
      [taken.code, taken.reason, deferred.code, deferred.reason],
      [250, "accepted", 451, "scanner-unavailable"],
    );
    for (const { trace, tookMs } of [taken, deferred]) {
      const lines = scannerLines({ trace } as Explained).join("\n");
      assert.match(lines, wanted.said);
      assert.ok(tookMs < wanted.withinMs, `${Math.round(tookMs)} ms`);
    }
    const skipped = scannerLines(taken);
    assert.deepEqual(
      skipped.map((line) => line.split(" ").slice(0, 2).join(" ")),
      ["skip clamav", "skip rspamd"],
    );
    return { taken, deferred };
  };
  /** A server on a scanner's port that says `text` to whoever has said something. */
  const startBabbler = async (port: number, text: string): Promise<Server> => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(text));
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return server;
  };
  /** A client asks one message in ten seconds of a scanner that failed five times. */
  const untilAsked = async (): Promise<void> => {
    for (const endsAt = Date.now() + 30_000; ; ) {
      const { trace } = await verdict(open, "is anybody there");
      if (scannerLines({ trace } as Explained).length === 0) return;
      assert.ok(Date.now() < endsAt, "the scanners are asked again once they are back");
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  };

  test("GTUBE is refused as spam, EICAR as a virus, an ordinary mail passes; the verdict says who said what", async () => {
    assert.equal(await outcome(open, "spam", gtube), "550 spam-rejected");
    const { final } = await sendLetter({ port: platform.ports.smtp }, letter(open, "virus", eicar));
    const found = await explained(platform, referenceIn(final));
    assert.deepEqual([final.code, found.reason], [550, "virus-found"]);
    assert.ok(found.trace.some(({ detail }) => detail === "clamav found Mailfold.Test.Eicar.UNOFFICIAL"));
    assert.equal(await outcome(open, "lunch"), "250 accepted");
  });

  test("what a tenant wants of spam and viruses is done", async () => {
    const scope = { tenantId: open.id };
    await setPolicy(platform, scope, { virusAction: "quarantine", spamThresholds: { junk: 5 } });
    assert.equal(await outcome(open, "spam to junk", gtube), "250 spam-junk");
    assert.equal(await outcome(open, "virus to quarantine", eicar), "250 virus-quarantined");
    await setPolicy(platform, scope, { virusAction: "reject", spamThresholds: { junk: 5, reject: 15 } });
  });

  test("rspamd learns, once, from what a user moves to Junk", { timeout: 60_000 }, async () => {
    const text = "a wonderful offer of pills and watches for you today only, buy them before the stock runs out";
    assert.equal(await outcome(open, "offer", text), "250 accepted");
    const learned = async (): Promise<readonly number[]> => {
      const answer = await fetch(`http://127.0.0.1:${rspamd.controllerPort}/stat`, {
        headers: { Password: rspamd.password },
      });
      type Stat = { readonly statfiles: readonly { readonly symbol: string; readonly revision: number }[] };
      const { statfiles } = (await answer.json()) as Stat;
      return ["BAYES_SPAM", "BAYES_HAM"].map(
        (name) => statfiles.find(({ symbol }) => symbol === name)?.revision ?? Number.NaN,
      );
    };
    const until = async (wanted: readonly number[]): Promise<void> => {
      for (const endsAt = Date.now() + 20_000; ; ) {
        const now = await learned();
        if (now.join() === wanted.join()) return;
        assert.ok(Date.now() < endsAt, `rspamd learned ${now}, not ${wanted}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    await until([0, 0]);
    const client = await openImap(platform.ports.imap, userOf(open));
    try {
      await client.mailboxOpen("INBOX");
      const found = await client.search({ subject: "offer" }, { uid: true });
      await client.messageMove(found as number[], "Junk", { uid: true });
      await until([1, 0]);
    } finally {
      await client.logout();
    }
  });

  test("stalled, both give the configured answer at the deadline", { timeout: 120_000 }, async () => {
    rspamd.freeze();
    clamd.freeze();
    const { taken } = await assertConfigured("stalled", {
      said: /clamav did not answer: no answer in 30000 ms/,
      withinMs: deadlineMs + 8_000,
    });
    assert.match(scannerLines(taken).join("\n"), /rspamd did not answer: no answer in 15000 ms/);
    rspamd.thaw();
    clamd.thaw();
    await untilAsked();
    assert.equal(await outcome(careful, "awake again"), "250 accepted");
  });

  test("killed in the middle of a scan, and from then on, the configured answer comes at once", async () => {
    rspamd.freeze();
    clamd.freeze();
    const asked = assertConfigured("killed under way", { said: /clamav did not answer: /, withinMs: 12_000 });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await Promise.all([rspamd.kill(), clamd.kill()]);
    await asked;
    await assertConfigured("dead", { said: /clamav did not answer: .*ECONNREFUSED/, withinMs: 5_000 });
  });

  test("one message for both tenants is taken: one has it, the other's copy is held to be scanned later", async () => {
    const { message, from } = letter(open, "for both");
    const to = [userOf(open).address, userOf(careful).address];
    const { final } = await sendLetter({ port: platform.ports.smtp }, { from, to, message });
    assert.equal(final.code, 250);
    const held = await heldEntry(platform, careful, { reason: "scanner-unavailable" });
    assert.deepEqual([held.kind, held.reason, held.recipient], ["DEFERRED", "scanner-unavailable", to[1]]);
    assert.equal((await messageIdCounts(platform.ports.imap, userOf(open))).get("<for-both@foreign.example>"), 1);
  });

  test("answering garbage, they are down as well", async () => {
    const babblers = await Promise.all([
      startBabbler(rspamd.port, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{[}]("),
      startBabbler(clamd.port, "\u0007stream: who knows\0"),
    ]);
    try {
      // The clients may still be in their pause after the failures of before.
      await new Promise((resolve) => setTimeout(resolve, 10_500));
      const { taken, deferred } = await assertConfigured("garbage", {
        said: /clamav did not answer: /,
        withinMs: 5_000,
      });
      // One message at a time tries whether they are back.
      const all = [...scannerLines(taken), ...scannerLines(deferred)].join("\n");
      assert.match(all, /clamav did not answer: clamd said: /);
      assert.match(all, /rspamd did not answer: (?!not asked)/);
    } finally {
      await Promise.all(babblers.map((each) => new Promise((resolve) => each.close(resolve))));
    }
  });

  test("back again, they are asked again", { timeout: 90_000 }, async () => {
    const [oldRspamd, oldClamd] = [rspamd, clamd];
    [rspamd, clamd] = await Promise.all([
      startRspamd({ port: oldRspamd.port, controllerPort: oldRspamd.controllerPort }),
      startClamd({ port: oldClamd.port }),
    ]);
    await Promise.all([oldRspamd.stop(), oldClamd.stop()]);
    await untilAsked();
    assert.equal(await outcome(careful, "spam again", gtube), "550 spam-rejected");
    assert.equal(await outcome(careful, "virus again", eicar), "550 virus-found");
  });

  test("a controller that hangs does not keep the platform from stopping in time", async () => {
    assert.equal(
      await outcome(open, "another offer", "more pills and more watches for everybody who buys today"),
      "250 accepted",
    );
    const client = await openImap(platform.ports.imap, userOf(open));
    try {
      await client.mailboxOpen("INBOX");
      rspamd.freeze();
      const found = await client.search({ subject: "another offer" }, { uid: true });
      await client.messageMove(found as number[], "Junk", { uid: true });
    } finally {
      await client.logout();
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    const startedAt = performance.now();
    assert.equal(await platform.stop(), 0);
    assert.ok(performance.now() - startedAt < 10_000, "within what SIGTERM has");
  });
});
