import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { SmtpClient } from "./testing/smtp-client.ts";
import { EdgeStarter } from "./testing/start-edge.ts";

const edges = new EdgeStarter();
afterEach(() => edges.closeAll());
const start: EdgeStarter["start"] = (limits, more) => edges.start(limits, more);

describe("deadlines", () => {
  test("octets do not extend the time for a command", async () => {
    const { mx } = await start({ commandTimeoutMs: 400 });
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
    const { mx } = await start({ sessionMaxMs: 500 });
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
