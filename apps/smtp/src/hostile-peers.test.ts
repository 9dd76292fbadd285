import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, describe, test } from "node:test";
import { type Smtp, type SmtpLimits, startSmtp } from "./index.ts";
import type { SmtpDeps } from "./smtp-deps.ts";
import { type FakeDeps, fakeDeps, ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";

const running: Smtp[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((smtp) => smtp.close()));
});

interface Started {
  readonly deps: FakeDeps;
  readonly mx: number;
  readonly submission: number;
  readonly submissions: number;
}
async function start(
  limits: Partial<SmtpLimits> = {},
  more: Partial<SmtpDeps> & { trustedProxies?: string[] } = {},
): Promise<Started> {
  const deps = await fakeDeps(more);
  const smtp = await startSmtp(deps, {
    host: "127.0.0.1",
    hostname: "mx.test",
    ports: { mx: 0, submission: 0, submissions: 0 },
    trustedProxies: more.trustedProxies ?? [],
    limits: { sweepIntervalMs: 20, drainMs: 200, ...limits },
  });
  running.push(smtp);
  return { deps, mx: smtp.ports.mx!, submission: smtp.ports.submission!, submissions: smtp.ports.submissions! };
}
const received = ({ deps }: Started): string[] =>
  deps.fakeJournal.commits.flatMap((commit) =>
    (commit.bodies ?? []).map((body) => Buffer.from(body.bytes).toString("latin1")),
  );

describe("smuggling", () => {
  const forged = "MAIL FROM:<forged@ext.test>\r\nRCPT TO:<bob@a.test>\r\nDATA\r\nforged\r\n.\r\n";
  const endings = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r\n.\r",
    "\r.\r\n",
    "\n.\r",
    "\r.\n",
    "\0\r\n.\n",
    "\r\n.\0\r\n",
    "\r\n\0.\r\n",
    "\r\n.\r\r\n",
    "\n\n.\n\n",
    "\r\n..\r\n",
    "\n..\r\n",
    "\r\r.\r\r",
  ];
  test("no ending but CRLF.CRLF ends a message; lone CR or LF refuses it after its true end, however it is cut", async () => {
    const started = await start();
    const hasBare = (ending: string): boolean => /\r(?!\n)|(?<!\r)\n/.test(ending);
    const probe = async (ending: string, isSlow: boolean): Promise<void> => {
      const client = await SmtpClient.greeted(started.mx);
      await client.ask("MAIL FROM:<x@ext.test>");
      await client.ask("RCPT TO:<alice@a.test>");
      await client.ask("DATA");
      const octets = `Subject: one\r\n\r\nbody${ending}${forged}QUIT\r\n`;
      if (isSlow) await client.sendSlowly(octets);
      else client.send(octets);
      const name = `${JSON.stringify(ending)} ${isSlow ? "slowly" : "at once"}`;
      assert.match(await client.reply(), hasBare(ending) ? /^550 5\.6\.11 / : /^250 /, name);
      assert.match(await client.reply(), /^221/, name);
      client.close();
    };
    await Promise.all(endings.flatMap((ending) => [probe(ending, false), probe(ending, true)]));
    assert.equal(received(started).length, 2 * endings.filter((ending) => !hasBare(ending)).length);
  });
  test("CR CR LF . CR LF is a true end, and refused for the lone CR", async () => {
    const started = await start();
    const client = await SmtpClient.greeted(started.mx);
    const replies = await client.deliver(["alice@a.test"], "x\r\r\n.\r\n");
    assert.match(replies.at(-1)!, /^550 5\.6\.11 .*\(ref vrd_/);
    assert.match(await client.ask("NOOP"), /^250/);
    client.close();
  });
  test("a bare LF ends no command", async () => {
    const { mx } = await start();
    const client = await SmtpClient.greeted(mx);
    client.send("NOOP\nNOOP\r\n");
    assert.match(await client.reply(), /^500 5\.5\.2/);
    assert.match(await client.reply(), /^250/);
    client.close();
  });
  test("a body sent before 354 closes the session and changes nothing", async () => {
    const started = await start();
    const client = await SmtpClient.greeted(started.mx);
    client.send("MAIL FROM:<x@ext.test>\r\nRCPT TO:<alice@a.test>\r\nDATA\r\nbody\r\n.\r\n");
    assert.match(await client.rest(), /\r\n421 4\.7\.0 [^\r]*\r\n$/);
    assert.equal(started.deps.fakeJournal.commits.length, 0);
  });
});

describe("segmentation", () => {
  test("one octet at a time is the same dialogue", async () => {
    const started = await start();
    const steps = [
      "EHLO client.test\r\n",
      "MAIL FROM:<x@ext.test>\r\n",
      "RCPT TO:<alice@a.test>\r\n",
      "RCPT TO:<nobody@a.test>\r\n",
      `NOOP ${"x".repeat(600)}\r\n`,
      "MAIL\nNOOP\r\n",
      "DATA\r\n",
      "Subject: s\r\n\r\n..\r\n.. two\r\n.\r.\r\n.\r\n",
      "RSET\r\n",
      "MAIL FROM:<x@ext.test>\r\n",
      "RCPT TO:<alice@a.test>\r\n",
      "DATA\r\n",
      "..\r\n....\r\n.x\r\n\r\n.\r\n",
    ];
    const run = async (isSlow: boolean): Promise<string[]> => {
      const client = await SmtpClient.dial(started.mx);
      const replies = [await client.reply()];
      for (const step of steps) {
        if (isSlow) await client.sendSlowly(step);
        else client.send(step);
        replies.push(await client.reply());
        if (step.includes("\nNOOP")) replies.push(await client.reply());
      }
      client.close();
      return replies.map((reply) => reply.replace(/(vrd|msg)_[0-9a-z]+/g, "$1"));
    };
    const whole = await run(false);
    assert.deepEqual(await run(true), whole);
    assert.match(whole.at(-1)!, /^250/);
    assert.deepEqual(received(started), [".\r\n...\r\nx\r\n\r\n", ".\r\n...\r\nx\r\n\r\n"]);
  });
});

describe("STARTTLS", () => {
  test("what is pipelined behind it is never executed", async () => {
    const started = await start();
    const client = await SmtpClient.greeted(started.mx);
    client.send("STARTTLS\r\nMAIL FROM:<injected@ext.test>\r\nRCPT TO:<alice@a.test>\r\n");
    assert.match(await client.reply(), /^220/);
    await client.startTls().catch(() => {});
    const reply = await Promise.race([
      client.ask("EHLO client.test"),
      new Promise<string>((r) => setTimeout(() => r(""), 300)),
    ]);
    if (reply !== "") assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^503 5\.5\.1/);
    client.close();
  });
  test("a handshake that never comes is cut, on both kinds of port", async () => {
    const { mx, submissions } = await start({ handshakeTimeoutMs: 80 });
    const client = await SmtpClient.greeted(mx);
    await client.ask("STARTTLS");
    assert.equal(await client.rest(), "");
    const silent = connect(submissions, "127.0.0.1");
    silent.on("error", () => {});
    await new Promise((resolve) => silent.on("close", resolve).resume());
  });
});

describe("deadlines", () => {
  test("octets do not extend the time for a command", async () => {
    const { mx } = await start({ commandTimeoutMs: 150 });
    const client = await SmtpClient.greeted(mx);
    const timer = setInterval(() => client.send("N"), 30);
    assert.match(await client.rest(), /^421 4\.4\.2/);
    clearInterval(timer);
  });
  test("a message that trickles is cut, and its memory given back", async () => {
    const { mx, deps } = await start({ dataGraceMs: 60, dataMinBytesPerSecond: 1_000 });
    const client = await SmtpClient.greeted(mx);
    await client.ask("MAIL FROM:<x@ext.test>");
    await client.ask("RCPT TO:<alice@a.test>");
    await client.ask("DATA");
    const timer = setInterval(() => client.send("x"), 20);
    assert.match(await client.rest(), /^421 4\.4\.2 The message came too slowly/);
    clearInterval(timer);
    assert.equal(deps.fakeJournal.commits.length, 0);
  });
  test("no session lasts for ever", async () => {
    const { mx } = await start({ sessionMaxMs: 200 });
    const client = await SmtpClient.greeted(mx);
    const timer = setInterval(() => client.send("NOOP\r\n"), 30);
    assert.match(await client.rest(), /421 4\.4\.2 The session lasted too long/);
    clearInterval(timer);
  });
});

describe("command lines", () => {
  test("too long: 500 and in sync, thrice: 421; what extensions add is allowed", async () => {
    const { mx } = await start();
    const client = await SmtpClient.greeted(mx);
    assert.match(await client.ask("NOOP ".padEnd(510, "x")), /^250/);
    assert.match(await client.ask("NOOP ".padEnd(511, "x")), /^500 5\.5\.2/);
    const address = `${"x".repeat(60)}@${"y".repeat(60)}.test`;
    assert.match(await client.ask(`MAIL FROM:<${address}> SIZE=100 ${"BODY=8BITMIME".padStart(540 - 150)}`), /^250/);
    assert.match(await client.ask("NOOP ".padEnd(3_000, "x")), /^500 5\.5\.2/);
    assert.match(await client.ask("NOOP ".padEnd(3_000, "x")), /^421 4\.7\.0/);
    assert.equal(await client.rest(), "");
  });
  test("an endless line is cut", async () => {
    const { mx } = await start();
    const client = await SmtpClient.greeted(mx);
    client.send("x".repeat(200_000));
    assert.match(await client.rest(), /^500 5\.5\.2 [^\r]*\r\n421 4\.7\.0/);
  });
  test("deny: closes, records IpDenied, refuses the next connection; exempt addresses are only rejected", async () => {
    const started = await start();
    started.deps.fakePolicy.settings = { ...started.deps.fakePolicy.settings, overlongAction: "deny" };
    const exempt = await SmtpClient.greeted(started.mx);
    assert.match(await exempt.ask("x".repeat(600)), /^500/);
    exempt.close();
    started.deps.fakePolicy.exempt = false;
    const client = await SmtpClient.greeted(started.mx);
    client.send(`${"x".repeat(600)}\r\n`);
    assert.match(await client.rest(), /^421 4\.7\.0/);
    const [denied] = started.deps.fakeJournal.of("IpDenied");
    assert.equal(denied!.stream, "denial-127.0.0.1/32");
    assert.match(await (await SmtpClient.dial(started.mx)).rest(), /^421 4\.7\.0 Your address is refused/);
  });
  test("an authenticated session is rejected, not denied", async () => {
    const started = await start();
    started.deps.fakePolicy.settings = { ...started.deps.fakePolicy.settings, overlongAction: "deny" };
    started.deps.fakePolicy.exempt = false;
    const client = await SmtpClient.greeted(started.submissions, { tls: true });
    assert.match(await client.ask(`AUTH PLAIN ${"A".repeat(600)}`), /^501 5\.5\.4/);
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^235/);
    assert.match(await client.ask("x".repeat(600)), /^500/);
    assert.equal(started.deps.fakeJournal.of("IpDenied").length, 0);
    client.close();
  });
  test("syntax, parameters and character sets", async () => {
    const { mx } = await start({ errorsMax: 100 });
    const client = await SmtpClient.greeted(mx);
    const cases: [string, RegExp][] = [
      ["MAIL FROM:<x@ext.test> FOO=1", /^555 5\.5\.4/],
      ["MAIL FROM:<x@ext.test> RET=HDRS", /^555 5\.5\.4/],
      ["MAIL FROM:<x@ext.test> AUTH=<>", /^555 5\.5\.4/],
      ["MAIL FROM:<x@ext.test> SIZE=1 SIZE=2", /^501 5\.5\.4/],
      ["MAIL FROM:<x@ext.test> SIZE=x", /^501 5\.5\.4/],
      ["MAIL FROM:<x@ext.test> BODY=BINARYMIME", /^501 5\.5\.4/],
      ["MAIL FROM:<x@ext.test> SIZE=2000000", /^552 5\.3\.4/],
      ["MAIL FROM:x@ext.test", /^501 5\.1\.7/],
      ["MAIL FROM:<x>", /^501 5\.1\.7/],
      ["MAIL FROM:<grüße@ext.test>", /^553 5\.6\.7/],
      ["MAIL FROM:<x@ext.test>\0", /^500 5\.5\.2/],
      ["MAIL FROM:<x\u200b@ext.test> SMTPUTF8", /^500 5\.5\.2/],
      ["RCPT TO:<alice@a.test>", /^503 5\.5\.1/],
      ["DATA", /^503 5\.5\.1/],
      ["MAIL FROM:<x@ext.test>", /^250 2\.1\.0/],
      ["MAIL FROM:<x@ext.test>", /^503 5\.5\.1/],
      ["DATA", /^503 5\.5\.1/],
      ["RCPT TO:<alice@a.test> NOTIFY=NEVER", /^555 5\.5\.4/],
      ["RCPT TO:<grüße@a.test>", /^553 5\.6\.7/],
      ["RCPT TO:alice@a.test", /^501 5\.1\.3/],
      ["RCPT TO:<>", /^501 5\.1\.3/],
      ["BDAT 10 LAST", /^502 5\.5\.1/],
      ["XCLIENT ADDR=10.0.0.1", /^502 5\.5\.1/],
      ["XFORWARD ADDR=10.0.0.1", /^502 5\.5\.1/],
      ["WIZ", /^500 5\.5\.1/],
      ["EXPN all@a.test", /^502 5\.5\.1/],
      ["VRFY alice@a.test", /^252 2\.5\.2/],
      ["EHLO", /^501 5\.5\.4/],
      ["EHLO a b", /^501 5\.5\.4/],
      ["RSET", /^250/],
      ["MAIL FROM:<grüße@münchen.test> SMTPUTF8", /^250/],
    ];
    for (const [line, expected] of cases) assert.match(await client.ask(line), expected, line);
    client.close();
  });
  test("forms that hide a destination reach policy as what they are", async () => {
    const started = await start({ refusedRecipientsMax: 100, unknownRecipientsMax: 100 });
    const seen: string[] = [];
    started.deps.fakePolicy.rule = (phase, facts) => {
      if (phase !== "rcpt") return undefined;
      seen.push(`${facts.recipient!.form} ${facts.recipient!.found.kind}`);
      return { action: "reject", code: 550, reason: "form" };
    };
    const client = await SmtpClient.greeted(started.mx);
    await client.ask("MAIL FROM:<x@ext.test>");
    const forms = [
      "u%e@a.test",
      "e!u@a.test",
      "@a.test:u@e.test",
      '"u@e"@a.test',
      "u@[127.0.0.1]",
      "u@[IPv6:::1]",
      "u@2130706433",
      "u@a.test.",
      "u@localhost",
      "u@e@a.test",
      "u@a.test:25",
    ];
    for (const form of forms) assert.match(await client.ask(`RCPT TO:<${form}>`), /^550 .*\(ref vrd_/, form);
    assert.deepEqual(seen, [
      "percent-hack unknown",
      "bang-path unknown",
      "source-route foreign",
      "quoted-local unknown",
      "ip-literal foreign",
      "ip-literal foreign",
      "malformed foreign",
      "malformed foreign",
      "plain foreign",
      "malformed unknown",
      "malformed foreign",
    ]);
    client.close();
  });
  test("vrfy and expn as the listener says", async () => {
    const started = await start();
    started.deps.fakePolicy.settings = { ...started.deps.fakePolicy.settings, vrfy: "local", expn: "local" };
    const client = await SmtpClient.greeted(started.mx);
    assert.equal(await client.ask("VRFY alice@a.test"), "250 2.1.5 <alice@a.test>");
    assert.match(await client.ask("VRFY nobody@a.test"), /^550 5\.1\.1/);
    assert.equal(await client.ask("EXPN all@a.test"), "250-2.1.5 <alice@a.test>\r\n250 2.1.5 <bob@a.test>");
    client.close();
  });
});

describe("budgets and caps", () => {
  test("commands without mail", async () => {
    const { mx } = await start({ junkCommandsMax: 10 });
    const client = await SmtpClient.greeted(mx);
    client.send("NOOP\r\nRSET\r\n".repeat(5_000));
    const lines = (await client.rest()).trimEnd().split("\r\n");
    assert.equal(lines.length, 10);
    assert.match(lines.at(-1)!, /^421 4\.7\.0/);
  });
  test("errors", async () => {
    const { mx } = await start({ errorsMax: 5 });
    const client = await SmtpClient.greeted(mx);
    client.send("WHAT\r\n".repeat(20));
    assert.match(await client.rest(), /^(?:500[^\r]*\r\n){5}421 4\.7\.0 Too many errors[^\r]*\r\n$/);
  });
  test("unknown recipients", async () => {
    const { mx, deps } = await start({ unknownRecipientsMax: 3 });
    const client = await SmtpClient.greeted(mx);
    await client.ask("MAIL FROM:<x@ext.test>");
    client.send(Array.from({ length: 10 }, (_, n) => `RCPT TO:<n${n}@a.test>\r\n`).join(""));
    assert.match(await client.rest(), /^(?:550[^\r]*\r\n){4}421 4\.7\.0/);
    assert.equal(deps.fakeJournal.of("VerdictRecorded").length, 1);
  });
  test("recipients of one transaction", async () => {
    const { mx } = await start({ recipientsMax: 2 });
    const client = await SmtpClient.greeted(mx);
    const replies = await client.deliver(["alice@a.test", "bob@a.test", "carol@b.test"], "x\r\n.\r\n");
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 9)),
      ["250 2.1.0", "250 2.1.5", "250 2.1.5", "452 4.5.3", "354 End d", "250 2.0.0"],
    );
    client.close();
  });
  test("size: refused at the true end, the session goes on; memory of all sessions: 452", async () => {
    const started = await start({ bufferedBytesMax: 2_000 });
    started.deps.fakePolicy.settings = { ...started.deps.fakePolicy.settings, sizeLimitBytes: 1_500 };
    const client = await SmtpClient.greeted(started.mx);
    assert.match((await client.deliver(["alice@a.test"], `${"x".repeat(30_000)}\r\n.\r\n`)).at(-1)!, /^552 5\.3\.4/);
    const other = await SmtpClient.greeted(started.mx);
    for (const line of ["MAIL FROM:<x@ext.test>", "RCPT TO:<alice@a.test>", "DATA"]) await other.ask(line);
    other.send("y".repeat(1_400));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.match((await client.deliver(["alice@a.test"], `${"x".repeat(1_000)}\r\n.\r\n`)).at(-1)!, /^452 4\.3\.1/);
    other.close();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.match((await client.deliver(["alice@a.test"], `${"x".repeat(1_000)}\r\n.\r\n`)).at(-1)!, /^250/);
    client.close();
  });
  test("connections of one address, and of all; places come back, also after STARTTLS", async () => {
    const started = await start({ connectionsPerIpMax: 2, connectionsMax: 3 });
    started.deps.fakePolicy.exempt = false;
    const clients = [await SmtpClient.greeted(started.mx), await SmtpClient.greeted(started.submission)];
    assert.match(
      await (await SmtpClient.dial(started.mx)).rest(),
      /^421 4\.7\.0 Too many connections from your address/,
    );
    // The refused connection counts until it is gone.
    await new Promise((resolve) => setTimeout(resolve, 50));
    started.deps.fakePolicy.exempt = true;
    clients.push(await SmtpClient.greeted(started.mx));
    assert.match(await (await SmtpClient.dial(started.mx)).rest(), /^421 4\.3\.2 Too many connections/);
    await clients[0]!.ask("STARTTLS");
    await clients[0]!.startTls();
    for (const client of clients) client.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let n = 0; n < 3; n += 1) clients.push(await SmtpClient.greeted(started.mx));
    for (const client of clients) client.close();
  });
  test("overload sheds new connections", async () => {
    const told: string[] = [];
    const { mx } = await start({}, { loopDelayMs: () => 71, onOverload: (cause) => void told.push(cause) });
    assert.match(await (await SmtpClient.dial(mx)).rest(), /^421 4\.3\.2 Too busy/);
    assert.deepEqual(told, ["event-loop"]);
  });
  test("a flood of refusals becomes a count", async () => {
    const started = await start({ refusedRecipientsMax: 1_000 });
    const client = await SmtpClient.greeted(started.mx);
    await client.ask("MAIL FROM:<x@ext.test>");
    const references = new Set<string>();
    for (let n = 0; n < 25; n += 1)
      references.add(/ref (\S+)\)/.exec(await client.ask(`RCPT TO:<f${n}@far.test>`))![1]!);
    assert.equal(references.size, 10);
    client.close();
    await running.pop()!.close();
    const recorded = started.deps.fakeJournal
      .of("VerdictRecorded")
      .map((event) => (event.data as { verdictId: string }).verdictId);
    assert.deepEqual(new Set(recorded), references);
    const [repeated] = started.deps.fakeJournal.of("VerdictsRepeated");
    assert.equal((repeated!.data as { count: number }).count, 15);
  });
});

describe("who is at the other end", () => {
  test("early talkers and web pages are closed", async () => {
    const { mx } = await start();
    const early = await SmtpClient.dial(mx, { early: "EHLO x\r\n" });
    assert.match(await early.rest(), /^421 4\.7\.0 You spoke before the greeting\r\n$/);
    const web = await SmtpClient.dial(mx);
    await web.reply();
    web.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(await web.rest(), /^421 4\.7\.0/);
  });
  test("PROXY v1 is believed from trusted proxies, with and without TLS, and from nobody else", async () => {
    const started = await start({ proxyTimeoutMs: 200 }, { trustedProxies: ["127.0.0.0/8"] });
    const client = await SmtpClient.dial(started.mx, { early: "PROXY TCP6 2001:db8::7 2001:db8::1 5000 25\r\n" });
    await client.reply();
    await client.ask("EHLO client.test");
    await client.deliver(["alice@a.test"], "x\r\n.\r\n");
    const [verdict] = started.deps.fakeJournal.of("VerdictRecorded");
    assert.equal((verdict!.data as { facts: { ip: string } }).facts.ip, "2001:db8::7");
    const [delivered] = started.deps.fakeJournal.of("MessageDelivered");
    assert.equal(delivered!.stream, `mail-${ids.alice}`);
    assert.match((delivered!.data as { prefix: string }).prefix, /\(\[IPv6:2001:db8::7\]\)/);
    client.close();
    assert.equal(await (await SmtpClient.dial(started.mx)).rest(), "");
    const plain = await start();
    const liar = await SmtpClient.dial(plain.mx);
    await liar.reply();
    assert.match(await liar.ask("PROXY TCP4 192.0.2.1 192.0.2.2 1 25"), /^500/);
    liar.close();
  });
  test("a reset in the middle of everything harms nobody", async () => {
    const started = await start();
    const scripts = [
      "",
      "EHLO x\r\n",
      "EHLO x\r\nMAIL FROM:<x@ext.test>\r\nRCPT TO:<alice@a.test>\r\nDATA\r\n",
      "EHLO x\r\nSTARTTLS\r\n\x16\x03",
    ];
    const abort = async (port: number, script: string): Promise<void> => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("connect", resolve));
      setTimeout(() => socket.write(script), 110);
      await new Promise((resolve) => setTimeout(resolve, 130));
      socket.resetAndDestroy();
    };
    const ports = [started.mx, started.submission, started.submissions];
    await Promise.all(ports.flatMap((port) => scripts.map((script) => abort(port, script))));
    const client = await SmtpClient.greeted(started.mx);
    assert.match(await client.ask("NOOP"), /^250/);
    client.close();
  });
});
