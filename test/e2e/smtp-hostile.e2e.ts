import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { messageIdCounts } from "./imap-reader.ts";
import { type MemoryWatch, watchMemory } from "./memory-watch.ts";
import { openSession } from "./open-session.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { everywhere, outcomeOf, setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, provisionTenant } from "./provision.ts";
import { connectRaw, restOf } from "./raw-peer.ts";
import type { Dialogue } from "./smtp-dialogue.ts";
import { smugglingEndings } from "./smuggling-endings.ts";

const mebibyte = 1_048_576;
let platform: Platform;
let user: MailboxLogin;
let victim: MailboxLogin;
let memory: MemoryWatch;

before(async () => {
  platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
  // The peers of these tests have no names in DNS, which is for other tests to weigh.
  await setPolicy(platform, everywhere, { verifyHelo: "off", verifySenderDomain: "off", reverseDns: "off" });
  const { mailboxes } = await provisionTenant(platform, "acme", { locals: ["user", "victim"] });
  [user, victim] = mailboxes as [MailboxLogin, MailboxLogin];
  memory = watchMemory(platform.process.pid);
});
after(async () => {
  memory?.stop();
  await platform?.stop();
});
/** After every attack the same process still takes an ordinary mail. */
afterEach(async () => {
  assert.equal(platform.process.exitCode, null, platform.stderr().slice(-2_000));
  assert.equal(platform.process.signalCode, null);
  const letter = { from: "honest@sender.example", to: [user.address] };
  assert.equal(await outcomeOf(platform, { proxyFrom: "198.51.100.250" }, letter), "250 accepted");
});

const greeted = async (ip: string): Promise<Dialogue> =>
  (await openSession({ port: platform.ports.smtp, proxyFrom: ip })).dialogue;

/** Reply codes until the server closes. */
async function repliesUntilClosed(dialogue: Dialogue): Promise<readonly number[]> {
  const codes: number[] = [];
  for (let code = -1; code !== 0 && codes.length < 10_000; ) {
    code = (await dialogue.reply()).code;
    if (code !== 0) codes.push(code);
  }
  return codes;
}

const rawFrom = (ip: string, first = "") => connectRaw(platform.ports.smtp, ip, first);

describe("smuggling", () => {
  test("40 endings that are none: nothing behind them is taken for a message", async (t) => {
    assert.ok(smugglingEndings.length >= 40, `${smugglingEndings.length}`);
    const isBare = (ending: string) => /\r(?!\n)|(?<!\r)\n/.test(ending);
    let taken = 0;
    for (const [index, ending] of smugglingEndings.entries()) {
      const dialogue = await greeted(`203.0.113.${1 + index}`);
      await dialogue.command("MAIL FROM:<x@sender.example>");
      await dialogue.command(`RCPT TO:<${user.address}>`);
      assert.equal((await dialogue.command("DATA")).code, 354);
      const smuggled = `MAIL FROM:<ceo@acme.test>\r\nRCPT TO:<${victim.address}>\r\nDATA\r\nSubject: pay now\r\n\r\nx`;
      dialogue.raw(Buffer.from(`From: x@sender.example\r\n\r\nbody${ending}${smuggled}\r\n.\r\nQUIT\r\n`, "latin1"));
      const answer = await dialogue.reply();
      assert.equal(answer.code, isBare(ending) ? 550 : 250, `${JSON.stringify(ending)}: ${answer.text}`);
      assert.equal((await dialogue.reply()).code, 221, JSON.stringify(ending));
      assert.equal((await dialogue.reply()).code, 0);
      if (answer.code === 250) taken += 1;
    }
    t.diagnostic(`${smugglingEndings.length} endings, ${taken} kept as content, the others refused`);
    assert.equal((await messageIdCounts(platform.ports.imap, victim)).size, 0, "nothing was smuggled");
  });

  test("a message pushed behind DATA before its 354 ends the session", async () => {
    const dialogue = await greeted("203.0.113.102");
    const lines = [
      "MAIL FROM:<x@sender.example>",
      `RCPT TO:<${victim.address}>`,
      "DATA",
      "Subject: pushed",
      "",
      "x",
      ".",
    ];
    dialogue.raw(`${lines.join("\r\n")}\r\nQUIT\r\n`);
    assert.deepEqual(await repliesUntilClosed(dialogue), [250, 250, 421]);
    assert.equal((await messageIdCounts(platform.ports.imap, victim)).size, 0);
  });

  test("STARTTLS: what was sent behind it in clear is never answered over TLS", async (t) => {
    const injected = `EHLO injected.example\r\nMAIL FROM:<ceo@acme.test>\r\nRCPT TO:<${victim.address}>\r\nDATA\r\n`;
    const dialogue = await greeted("203.0.113.100");
    const upgraded = await dialogue.startTls(injected).then(
      (reply) => reply.code === 220,
      () => false,
    );
    t.diagnostic(upgraded ? "the octets were dropped" : "the connection was ended");
    // A server that kept them would answer EHLO, MAIL, RCPT and 354 before this.
    if (upgraded) assert.deepEqual(await dialogue.command("NOOP"), { code: 250, text: "2.0.0 Ok" });
    if (upgraded) assert.equal((await dialogue.command("DATA")).code, 503);
    dialogue.close();
    assert.equal((await messageIdCounts(platform.ports.imap, victim)).size, 0);
  });

  test("STARTTLS: the session starts anew; nothing said before counts", async () => {
    const dialogue = await greeted("203.0.113.101");
    await dialogue.command("MAIL FROM:<x@sender.example>");
    await dialogue.command(`RCPT TO:<${user.address}>`);
    assert.equal((await dialogue.startTls()).code, 220);
    for (const line of ["DATA", "MAIL FROM:<x@sender.example>"])
      assert.equal((await dialogue.command(line)).code, 503, "EHLO comes first again (RFC 3207 4.2)");
    dialogue.close();
  });
});

describe("peers that do not speak SMTP", () => {
  test("an early talker is cut off before it said anything that counts", async () => {
    let cutOff = 0;
    for (let round = 0; round < 20 && cutOff < 5; round += 1) {
      const early = "EHLO early.example\r\nMAIL FROM:<x@sender.example>\r\n";
      const said = await restOf(await rawFrom("203.0.113.110", early));
      if (said.startsWith("421 4.3.2")) await sleep(200);
      else {
        assert.equal(said, "421 4.7.0 You spoke before the greeting\r\n");
        cutOff += 1;
      }
    }
    assert.equal(cutOff, 5);
  });

  test("HTTP and other verbs close the connection", async () => {
    const post = `POST /x HTTP/1.1\r\nHost: mx\r\nContent-Length: 99\r\n\r\nEHLO a.example\r\nMAIL FROM:<a@b.example>\r\n`;
    for (const [index, bytes] of [
      "GET / HTTP/1.1\r\nHost: mx\r\n\r\n",
      post,
      "CONNECT x:25 HTTP/1.0\r\n\r\n",
    ].entries()) {
      const dialogue = await greeted(`203.0.113.${120 + index}`);
      dialogue.raw(bytes);
      assert.deepEqual(await repliesUntilClosed(dialogue), [421]);
    }
    const tls = await greeted("203.0.113.125");
    tls.raw(Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0]), randomBytes(512), Buffer.from("\r\n")]));
    assert.ok((await tls.reply()).code >= 400, "a TLS hello without STARTTLS");
    tls.close();
  });

  test("NUL and control octets in commands are refused, the session goes on; in content they do not kill it", async () => {
    const dialogue = await greeted("203.0.113.130");
    for (const line of [
      "NOOP\0",
      "MAIL FROM:<a\0b@sender.example>",
      "\0\0\0",
      "RCPT TO:<user\x1b@acme.test>",
      "EHLO \x7f",
    ])
      assert.ok((await dialogue.command(line)).code >= 500, JSON.stringify(line));
    await dialogue.command("MAIL FROM:<x@sender.example>");
    await dialogue.command(`RCPT TO:<${user.address}>`);
    assert.equal((await dialogue.command("DATA")).code, 354);
    const { code } = await dialogue.body("From: x@sender.example\nSubject: n\0ul\n\nbefore\0after\n");
    assert.ok(code === 250 || code === 554, String(code));
    assert.equal((await dialogue.command("NOOP")).code, 250);
    dialogue.close();
  });

  test("8 MiB of pipelined garbage end in one 421; the rest is not worked through", async () => {
    for (const [index, piece] of [randomBytes(mebibyte), Buffer.from("XYZZY\r\n".repeat(150_000))].entries()) {
      const socket = await rawFrom(`203.0.113.${140 + index}`);
      const said = restOf(socket);
      await sleep(500);
      for (let count = 0; count < 8 && !socket.destroyed; count += 1) socket.write(piece);
      const replies = (await said).split("\r\n").filter((line) => line !== "");
      assert.ok(replies.length <= 25, `${replies.length} replies`);
      assert.match(replies[0] ?? "", /^220 /);
      if (replies.length > 1) assert.ok(replies.slice(1).every((line) => /^[45]\d\d /.test(line)));
    }
  });
});

describe("too much of it", () => {
  test("5,000 unknown recipients end the session early", async () => {
    const dialogue = await greeted("203.0.113.150");
    const lines = Array.from({ length: 5_000 }, (_, at) => `RCPT TO:<guess${at}@acme.test>\r\n`);
    dialogue.raw(`MAIL FROM:<x@sender.example>\r\n${lines.join("")}`);
    const codes = await repliesUntilClosed(dialogue);
    assert.deepEqual([codes[0], codes.at(-1)], [250, 421]);
    assert.ok(codes.length <= 120, `${codes.length} replies`);
  });

  test("5,000 recipients of a login: the policy's 100 are taken, the others deferred", async () => {
    const port = platform.ports.submission;
    const { dialogue } = await openSession({ port, proxyFrom: "203.0.113.151" });
    await dialogue.startTls();
    await dialogue.command("EHLO client.example");
    assert.equal((await dialogue.authPlain(user.address, user.password)).code, 235);
    const lines = Array.from({ length: 5_000 }, (_, at) => `RCPT TO:<r${at}@elsewhere.example>\r\n`);
    dialogue.raw(`MAIL FROM:<${user.address}>\r\n${lines.join("")}RSET\r\nQUIT\r\n`);
    const codes = await repliesUntilClosed(dialogue);
    const count = (code: number) => codes.filter((each) => each === code).length;
    assert.equal(count(452), 4_900);
    assert.equal(count(250), 1 + 100 + 1, "MAIL, the first 100, RSET");
    assert.equal(codes.at(-1), 221);
  });

  test("300 connections of one address: 100 served, the others told 421, a neighbour answered in < 1 s", async (t) => {
    const neighbour = await greeted("203.0.113.161");
    const flood: Socket[] = [];
    const firstLine = async (): Promise<string> => {
      const socket = await rawFrom("203.0.113.160");
      flood.push(socket);
      return new Promise((resolve) => {
        socket.once("data", (chunk) => resolve(chunk.toString("latin1")));
        socket.once("close", () => resolve(""));
      });
    };
    const first = Array.from({ length: 300 }, firstLine);
    const waits: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      const startedAt = performance.now();
      assert.equal((await neighbour.command("NOOP")).code, 250);
      waits.push(performance.now() - startedAt);
      await sleep(10);
    }
    const letter = { from: "honest@sender.example", to: [user.address] };
    assert.equal(
      await outcomeOf(platform, { proxyFrom: "203.0.113.161" }, letter),
      "250 accepted",
      "mail gets through",
    );
    const greetings = await Promise.all(first);
    const served = greetings.filter((line) => line.startsWith("220 ")).length;
    const capped = greetings.filter((line) =>
      line.startsWith("421 4.7.0 Too many connections from your address"),
    ).length;
    const shed = greetings.filter((line) => line.startsWith("421 4.3.2")).length;
    t.diagnostic(
      `${served} served, ${capped} over the cap, ${shed} shed; slowest NOOP ${Math.round(Math.max(...waits))} ms`,
    );
    assert.equal(served + capped + shed, 300);
    assert.ok(served <= 100 && served > 0);
    assert.ok(capped > 0);
    assert.ok(Math.max(...waits) < 1_000, `${Math.max(...waits)} ms`);
    neighbour.close();
    for (const socket of flood) socket.destroy();
    for (const deadline = Date.now() + 10_000; ; await sleep(100)) {
      const { greeting, dialogue } = await openSession({ port: platform.ports.smtp, proxyFrom: "203.0.113.160" });
      dialogue.close();
      assert.ok(greeting.code === 220 || Date.now() < deadline, "places are given back");
      if (greeting.code === 220) break;
    }
  });

  test("50 resets in the middle of DATA, each after 1 MiB: nothing is delivered, memory comes back", async () => {
    const letter = Buffer.from(
      `From: x@sender.example\r\nMessage-ID: <cut@sender.example>\r\n\r\n${"x".repeat(70)}\r\n`,
    );
    const filler = Buffer.from(`${"y".repeat(70)}\r\n`.repeat(14_500));
    for (let round = 0; round < 10; round += 1) {
      const sockets = await Promise.all(Array.from({ length: 5 }, (_, at) => greeted(`203.0.113.${170 + at}`)));
      await Promise.all(sockets.map((dialogue) => cutInData(dialogue, Buffer.concat([letter, filler]))));
    }
    assert.equal((await messageIdCounts(platform.ports.imap, user)).get("<cut@sender.example>"), undefined);
  });

  test("the process is the same, its memory bounded", async (t) => {
    await sleep(500);
    const mib = (bytes: number) => Math.round(bytes / mebibyte);
    const [resting, peak] = [memory.restingBytes, memory.peakBytes()];
    t.diagnostic(`RSS at rest ${mib(resting)} MiB, peak ${mib(peak)}, now ${mib(memory.nowBytes())}`);
    assert.ok(peak - resting < 300 * mebibyte, `grew by ${mib(peak - resting)} MiB`);
    assert.doesNotMatch(platform.stderr(), /uncaught|unhandled/i);
    const live = await fetch(`http://127.0.0.1:${platform.ports.http}/livez`);
    assert.equal(live.status, 200);
  });
});

/** Sends a message's beginning, then resets the connection. */
async function cutInData(dialogue: Dialogue, bytes: Buffer): Promise<void> {
  await dialogue.command("MAIL FROM:<x@sender.example>");
  await dialogue.command(`RCPT TO:<${user.address}>`);
  assert.equal((await dialogue.command("DATA")).code, 354);
  dialogue.raw(bytes);
  await sleep(50);
  dialogue.reset();
}
