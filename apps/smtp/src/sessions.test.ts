import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startSmtp } from "./index.ts";
import { host, message, smtpHouse } from "./smtp-test-world.ts";
import { fakeDeps, ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";

describe("sessions", () => {
  const house = smtpHouse();

  test("submission: AUTH only over TLS, relays for the login, completes the header", async () => {
    const client = await SmtpClient.dial(house.submission);
    await client.reply();
    assert.doesNotMatch(await client.ask("EHLO client.test"), /AUTH/);
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^538 5\.7\.11/);
    assert.match(await client.ask("MAIL FROM:<alice@a.test>"), /^530 5\.7\.0/);
    assert.match(await client.ask("STARTTLS"), /^220/);
    await client.startTls();
    assert.match(await client.ask("MAIL FROM:<alice@a.test>"), /^503 5\.5\.1/);
    assert.match(await client.ask("EHLO client.test"), /250 AUTH PLAIN LOGIN$/);
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdAB3cm9uZw=="), /^535 5\.7\.8/);
    assert.match(await client.ask("AUTH LOGIN"), /^334 VXNlcm5hbWU6/);
    assert.match(await client.ask("*"), /^501 /);
    assert.match(
      await client.ask(`AUTH PLAIN ${Buffer.from("bob@a.test\0alice@a.test\0secret").toString("base64")}`),
      /^535/,
    );
    assert.match(await client.ask("AUTH LOGIN"), /^334/);
    assert.match(await client.ask(Buffer.from("Alice@a.test").toString("base64")), /^334/);
    assert.match(await client.ask(Buffer.from("secret").toString("base64")), /^235 2\.7\.0/);
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^503/);
    const replies = await client.deliver(
      ["far@away.test", "far2@away.test", "bob@a.test"],
      "From: alice@a.test\r\n\r\nx\r\n.\r\n",
      "alice@a.test",
    );
    assert.match(replies.at(-1)!, /^250 /);
    const [queued] = house.deps.fakeJournal.of("MessageQueued");
    const data = queued!.data as { recipients: string[]; prefix: string; vouchedBy: string; messageId: string };
    assert.equal(queued!.stream, `outbound-${data.messageId}`);
    assert.deepEqual(data.recipients, ["far@away.test", "far2@away.test"]);
    assert.equal(data.vouchedBy, "login");
    assert.match(data.prefix, /with ESMTPSA id .*\r\nDate: .*\r\nMessage-ID: <msg_[0-9a-z]+@mx\.test>\r\n$/s);
    assert.match(data.prefix, /using TLSv1\.3 with cipher TLS_/);
    assert.deepEqual(queued!.metadata.actor, { type: "mailbox", id: ids.alice });
    client.close();
  });

  test("implicit TLS, and too many failed logins", async () => {
    const client = await SmtpClient.greeted(house.submissions, { tls: true });
    for (const code of [535, 535, 421]) {
      assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdAB3cm9uZw=="), new RegExp(`^${code}`));
    }
    assert.equal(await client.rest(), "");
    const busy = await SmtpClient.greeted(house.submissions, { tls: true });
    assert.match(
      await busy.ask(`AUTH PLAIN ${Buffer.from("\0alice@a.test\0busy").toString("base64")}`),
      /^454 4\.7\.0/,
    );
    busy.close();
  });

  test("the MX offers STARTTLS, no AUTH", async () => {
    const client = await SmtpClient.dial(house.mx);
    assert.equal(await client.reply(), "220 mx.test ESMTP");
    const offered = await client.ask("EHLO client.test");
    assert.deepEqual(
      offered.split("\r\n").map((line) => line.slice(4)),
      ["mx.test", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 1000000", "STARTTLS"],
    );
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^502 5\.5\.1/);
    client.close();
  });

  test("a pipelined transaction is answered in order", async () => {
    const client = await SmtpClient.greeted(house.mx);
    client.send(
      "MAIL FROM:<x@ext.test> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<alice@a.test>\r\nRCPT TO:<nobody@a.test>\r\nDATA\r\n",
    );
    assert.deepEqual(
      [await client.reply(), await client.reply(), await client.reply(), await client.reply()].map((reply) =>
        reply.slice(0, 3),
      ),
      ["250", "250", "550", "354"],
    );
    client.send(`${message}MAIL FROM:<x@ext.test>\r\nQUIT\r\n`);
    assert.deepEqual(
      [await client.reply(), await client.reply(), await client.reply()].map((reply) => reply.slice(0, 3)),
      ["250", "250", "221"],
    );
    assert.equal(await client.rest(), "");
  });

  test("shutting down: a running transaction ends with its answer, idle sessions are told 421", async () => {
    const own = await fakeDeps();
    const other = await startSmtp(own, { ...host, ports: { mx: 0, submission: undefined, submissions: undefined } });
    const idle = await SmtpClient.greeted(other.ports.mx!);
    const busy = await SmtpClient.greeted(other.ports.mx!);
    own.fakeJournal.delayMs = 150;
    const delivery = busy.deliver(["alice@a.test"], message);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const closed = other.close();
    assert.match(await idle.rest(), /^421 4\.3\.2/);
    assert.match((await delivery).at(-1)!, /^250 /);
    await closed;
  });
});
