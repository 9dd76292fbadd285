import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, describe, test } from "node:test";
import { SmtpClient } from "./testing/smtp-client.ts";
import { EdgeStarter, receivedBy } from "./testing/start-edge.ts";

const edges = new EdgeStarter();
afterEach(() => edges.closeAll());
const start: EdgeStarter["start"] = (limits, more) => edges.start(limits, more);

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
    assert.equal(receivedBy(started).length, 2 * endings.filter((ending) => !hasBare(ending)).length);
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
    assert.deepEqual(receivedBy(started), [".\r\n...\r\nx\r\n\r\n", ".\r\n...\r\nx\r\n\r\n"]);
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
