import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { RawClient } from "../testing/raw-client.ts";
import { startTestPlatform, type TestPlatform } from "../testing/test-platform.ts";

describe("before login", () => {
  let platform: TestPlatform;
  before(async () => {
    platform = await startTestPlatform({ limits: { connectionsPerIpMax: 3, loginTimeoutMs: 1_500 } });
  });
  after(() => platform.close());
  const open = async (options: { tls?: boolean } = {}) =>
    RawClient.open(options.tls ? platform.tlsPort : platform.port, options);

  test("LOGIN and AUTHENTICATE are refused in the clear when policy wants TLS; STARTTLS drops injected plaintext", async () => {
    platform.settings.requireTls = true;
    const client = await open();
    assert.match(await client.until(/\r\n/), /STARTTLS LOGINDISABLED/);
    assert.match(await client.command('LOGIN alice@demo.test "correct horse"'), /NO \[PRIVACYREQUIRED\]/);
    assert.match(await client.command("AUTHENTICATE PLAIN AA=="), /NO \[PRIVACYREQUIRED\]/);
    client.send("s STARTTLS\r\nx NOOP\r\n");
    assert.match(await client.until(/^s OK .*\r\n/m), /^s OK/);
    await client.startTls();
    const capability = await client.command("CAPABILITY");
    assert.match(capability, /AUTH=PLAIN/);
    assert.doesNotMatch(capability, /STARTTLS|x OK/);
    assert.match(await client.command("STARTTLS"), /BAD/);
    platform.settings.requireTls = false;
    client.destroy();
  });
  test("AUTHENTICATE PLAIN, with and without initial response, over implicit TLS", async () => {
    const credentials = Buffer.from("\0alice@demo.test\0correct horse").toString("base64");
    const first = await open({ tls: true });
    await first.until(/\r\n/);
    assert.match(await first.command(`AUTHENTICATE PLAIN ${credentials}`), /OK \[CAPABILITY .*IDLE/);
    first.destroy();
    const second = await open({ tls: true });
    await second.until(/\r\n/);
    second.send("a AUTHENTICATE PLAIN\r\n");
    await second.until(/^\+ \r\n/m);
    second.send("*\r\n");
    await second.until(/^a BAD/m);
    second.send("b AUTHENTICATE PLAIN\r\n");
    await second.until(/^\+ \r\n/m);
    second.send(`${credentials}\r\n`);
    assert.match(await second.until(/^b .*\r\n/m), /b OK/);
    second.destroy();
  });
  test("wrong logins, bad commands, silence: the session ends", async () => {
    const wrong = await open();
    await wrong.until(/\r\n/);
    for (let n = 0; n < 3; n++)
      assert.match(await wrong.command("LOGIN alice@demo.test nope"), /NO \[AUTHENTICATIONFAILED\]/);
    assert.match(await wrong.closed(), /\* BYE/);
    const http = await open();
    http.send("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n");
    assert.match(await http.closed(), /BAD[\s\S]*\* BYE/);
    const silent = await open();
    assert.match(await silent.closed(), /\* BYE Login took too long/);
  });
  test("a client that drips or never pauses has no more time to log in than one that is silent", async () => {
    const drips = await open();
    const chatters = await open();
    await drips.until(/\r\n/);
    await chatters.until(/\r\n/);
    const started = performance.now();
    const feed = setInterval(() => {
      drips.send("x");
      chatters.send("a NOOP\r\n".repeat(50));
    }, 20);
    try {
      await Promise.all([drips.closed(), chatters.closed()]);
      assert.ok(performance.now() - started < 2_500);
    } finally {
      clearInterval(feed);
    }
  });
  test("malformed SASL is BAD, another identity is NO", async () => {
    const client = await open({ tls: true });
    await client.until(/\r\n/);
    const other = Buffer.from("bob@demo.test\0alice@demo.test\0correct horse").toString("base64");
    assert.match(await client.command(`AUTHENTICATE PLAIN ${other}`), /NO \[AUTHORIZATIONFAILED\]/);
    assert.match(await client.command("AUTHENTICATE LOGIN"), /NO \[CANNOT\]/);
    // Not UTF-8: no password can look like this.
    const raw = Buffer.from("\0alice@demo.test\0\xff", "latin1").toString("base64");
    assert.match(await client.command(`AUTHENTICATE PLAIN ${raw}`), /BAD/);
    assert.match(await client.command("AUTHENTICATE PLAIN ="), /BAD/);
    client.destroy();
  });
  test("caps: literals, lines, connections, starting up", async () => {
    const client = await open();
    await client.until(/\r\n/);
    client.send("a LOGIN {5000}\r\n");
    assert.match(await client.until(/^a .*\r\n/m), /a NO \[TOOBIG\]/);
    client.send(`b ${"(".repeat(100_000)}\r\n`);
    assert.match(await client.until(/TOOBIG.*\r\n/), /BAD \[TOOBIG\]/);
    platform.settings.ready = false;
    assert.match(await client.command("LOGIN alice@demo.test x"), /NO \[UNAVAILABLE\]/);
    platform.settings.ready = true;
    const others = [await open(), await open()];
    for (const other of others) await other.until(/\r\n/);
    const fourth = await open();
    assert.match(await fourth.closed(), /\* BYE \[UNAVAILABLE\] Too many connections/);
    for (const each of [client, ...others]) each.destroy();
  });
  test("an unterminated line of many megabytes ends the session", async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const client = await open();
    await client.until(/\r\n/);
    client.send("a".repeat(3_000_000));
    assert.match(await client.closed(), /\* BYE Line too long|^$/);
  });
});

test("a trusted proxy says who the client is", async () => {
  const platform = await startTestPlatform({ trustedProxies: ["127.0.0.1"] });
  const client = await RawClient.open(platform.port);
  client.send("PROXY TCP4 192.0.2.7 198.51.100.1 5000 143\r\n");
  await client.greetAndLogin();
  await client.command("CREATE x");
  assert.equal(platform.mail.events[0]?.metadata.context?.ip, "192.0.2.7");
  await platform.close();
  assert.match(await client.closed(), /\* BYE Server is shutting down/);
});

test("a reader that stops costs bounded memory and is cut off", async () => {
  const platform = await startTestPlatform({ limits: { writeTimeoutMs: 300 } });
  const client = await (await RawClient.open(platform.port)).greetAndLogin();
  await platform.deliver(`Subject: big\r\n\r\n${"x".repeat(5_000_000)}`);
  await client.command("SELECT INBOX");
  client.pause();
  client.send(`f FETCH 1 (${Array(20).fill("BODY.PEEK[]").join(" ")})\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(platform.mail.openHandles, 0);
  client.destroy();
  await platform.close();
});

describe("accounts and bodies that fail", () => {
  let platform: TestPlatform;
  let client: RawClient;
  beforeEach(async () => {
    platform = await startTestPlatform();
    client = await (await RawClient.open(platform.port)).greetAndLogin();
  });
  afterEach(async () => {
    client.destroy();
    await platform.close();
  });

  test("a selected folder that another session deletes ends the session", async () => {
    await client.command("CREATE Gone");
    await client.command("SELECT Gone");
    const other = await (await RawClient.open(platform.port)).greetAndLogin();
    assert.match(await other.command("DELETE Gone"), /OK/);
    client.send("n NOOP\r\n");
    assert.match(await client.closed(), /\* BYE The selected folder was deleted/);
    other.destroy();
  });
  test("over quota; suspended", async () => {
    await platform.deliver("Subject: x\r\n\r\nx");
    await client.command("SELECT INBOX");
    platform.settings.quotaBytes = 20;
    assert.match(await client.command(`APPEND INBOX {30+}\r\n${"x".repeat(30)}`), /NO \[OVERQUOTA\]/);
    assert.match(await client.command("COPY 1 INBOX"), /NO \[OVERQUOTA\]/);
    platform.settings.status = "suspended";
    assert.match(await client.closed(), /\* BYE Account is not active/);
  });
  test("FETCH waits for no index to be written, and does not mind one that is not", async () => {
    for (let n = 0; n < 3; n++) await platform.deliver(`Subject: ${n}\r\n\r\nx`);
    const { bodies } = platform.mail.journal;
    bodies.writeIndex = () => new Promise(() => {});
    await client.command("SELECT INBOX");
    assert.match(await client.command("FETCH 1:3 ENVELOPE"), /OK FETCH/);
    bodies.writeIndex = () => Promise.reject(new Error("full"));
    assert.match(await client.command("FETCH 1:3 ENVELOPE"), /\* 3 FETCH[\s\S]*OK FETCH/);
  });
  test("unreadable bodies are refused by message, others are served", async () => {
    await platform.deliver("Subject: x\r\n\r\nx");
    await platform.deliver("Subject: y\r\n\r\ny");
    platform.mail.bodies.delete([...platform.mail.bodies.keys()][0] as string);
    await client.command("SELECT INBOX");
    const reply = await client.command("FETCH 1:2 BODY.PEEK[]");
    assert.match(reply, /\* 2 FETCH[\s\S]*NO \[SERVERBUG\]/);
    assert.doesNotMatch(reply, /\* 1 FETCH/);
    assert.equal(platform.errors.length, 1);
  });
});
