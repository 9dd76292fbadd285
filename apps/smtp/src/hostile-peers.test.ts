import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, describe, test } from "node:test";
import { ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";
import { EdgeStarter } from "./testing/start-edge.ts";

const edges = new EdgeStarter();
afterEach(() => edges.closeAll());
const start: EdgeStarter["start"] = (limits, more) => edges.start(limits, more);

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
  test("a full MX leaves places for submission", async () => {
    const { mx, submission } = await start({ connectionsMax: 10 });
    const open = [];
    for (let n = 0; n < 9; n += 1) open.push(await SmtpClient.greeted(mx));
    assert.match(await (await SmtpClient.dial(mx)).rest(), /^421 4\.3\.2 /);
    open.push(await SmtpClient.greeted(submission));
    assert.match(await (await SmtpClient.dial(submission)).rest(), /^421 4\.3\.2 /);
    for (const client of open) client.close();
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
    await started.close();
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
