import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import type { SenderEntryId, TenantId } from "@mailfold/kernel";
import { type CompiledPolicy, emptyPolicy, withDenial, withEntry, withSetting } from "@mailfold/policy";
import { type Smtp, startSmtp } from "./index.ts";
import { type FakeDeps, fakeDeps, ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";

const message =
  "From: x@ext.test\r\nTo: alice@a.test\r\nSubject: x\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nx\r\n.\r\n";

describe("with the real policy", () => {
  let deps: FakeDeps;
  let smtp: Smtp;
  let policy: CompiledPolicy;
  before(async () => {
    deps = await fakeDeps({ policy: { current: () => policy, ready: () => true } });
    smtp = await startSmtp(deps, {
      host: "127.0.0.1",
      hostname: "mx.test",
      ports: { mx: 0, submission: 0, submissions: 0 },
      trustedProxies: ["127.0.0.1"],
      limits: {
        refusedRecipientsMax: 10_000,
        unknownRecipientsMax: 10_000,
        junkCommandsMax: 10_000,
        errorsMax: 10_000,
      },
    });
  });
  after(() => smtp.close());
  beforeEach(() => {
    policy = emptyPolicy();
    deps.fakeJournal.commits.length = 0;
  });

  const from = async (ip: string): Promise<SmtpClient> => {
    const client = await SmtpClient.dial(smtp.ports.mx!, { early: `PROXY TCP4 ${ip} 198.51.100.1 5000 25\r\n` });
    await client.reply();
    await client.ask("EHLO client.test");
    return client;
  };
  const set = (tenant: TenantId, name: string, value: SettingValue): void => {
    policy = withSetting(policy, { scope: { kind: "tenant", id: tenant }, name, value, byEvent: `set-${name}` });
  };
  const reasons = (): unknown[] =>
    deps.fakeJournal.of("VerdictRecorded").map((event) => (event.data as { reason: string }).reason);

  test("local mail is taken, unknown recipients and relaying are refused with reference", async () => {
    const client = await from("192.0.2.1");
    assert.match((await client.deliver(["alice@a.test"], message)).at(-1)!, /^250 2\.0\.0 msg_/);
    await client.ask("MAIL FROM:<x@ext.test>");
    assert.match(await client.ask("RCPT TO:<nobody@a.test>"), /^550 5\.1\.1 .*\(ref vrd_/);
    assert.match(await client.ask("RCPT TO:<far@away.test>"), /^550 5\.7\.1 .*\(ref vrd_/);
    client.close();
  });

  test("no form of address relays, whoever sends", async () => {
    const forms = [
      "u@e.test",
      "u%e.test@a.test",
      "u%e.test@[127.0.0.1]",
      "e.test!u@a.test",
      "@a.test:u@e.test",
      "@[127.0.0.1]:u@e.test",
      "@a.test,@b.test:u@e.test",
      "u@[127.0.0.1]",
      "u@[IPv6:::1]",
      "u@localhost",
      "u@2130706433",
      '""@a.test',
      '"u@e.test"',
      '"u%e.test"',
      "u@e.test@a.test",
      '"u@e.test"@a.test',
      '"u@e.test"@[127.0.0.1]',
      "e.test!u",
      "u@a.test.",
      "u@a.test:25",
      "u",
      ".u@a.test",
      "u..v@a.test",
      "u@-a.test",
      "u@xn--80ak6aa92e.com",
      "U@E.TEST",
      "alice%e.test@b.test",
      "u@a.test@e.test",
    ];
    const senders = ["x@ext.test", "", "alice@a.test", "x@localhost", "x@[127.0.0.1]", "x"];
    const client = await from("192.0.2.2");
    for (const sender of senders) {
      await client.ask("RSET");
      const opened = await client.ask(`MAIL FROM:<${sender}>`);
      if (sender === "x") assert.match(opened, /^501/);
      for (const form of forms) {
        const reply = await client.ask(`RCPT TO:<${form}>`);
        assert.match(reply, sender === "x" ? /^503/ : /^5[05][01] /, `${sender} -> ${form}`);
      }
    }
    assert.equal(deps.fakeJournal.of("MessageQueued").length, 0);
    client.close();
  });

  test("relayAddresses opens for one tenant, on its account; claimed by two it opens for none", async () => {
    set(ids.tenantA, "relayMode", "addresses");
    set(ids.tenantA, "relayAddresses", ["192.0.2.0/24"]);
    const client = await from("192.0.2.3");
    assert.match((await client.deliver(["far@away.test"], message, "alice@a.test")).at(-1)!, /^250/);
    const [queued] = deps.fakeJournal.of("MessageQueued");
    assert.equal(queued!.metadata.tenantId, ids.tenantA);
    assert.equal((queued!.data as { body: { tenantId: string } }).body.tenantId, ids.tenantA);
    assert.match(
      (await client.deliver(["far@away.test"], "X: no from\r\n\r\nx\r\n.\r\n", "alice@a.test")).at(-1)!,
      /^550 5\.6\.0/,
    );
    set(ids.tenantB, "relayMode", "addresses");
    set(ids.tenantB, "relayAddresses", ["192.0.2.0/24"]);
    await client.ask("MAIL FROM:<x@ext.test>");
    assert.match(await client.ask("RCPT TO:<far@away.test>"), /^550 5\.7\.1/);
    assert.ok(reasons().includes("relay-ambiguous"), String(reasons()));
    client.close();
  });

  test("a kill entry of the tenant is answered at RCPT, another tenant is not concerned", async () => {
    const entry = { list: "kill", scope: { kind: "tenant", id: ids.tenantA }, byEvent: "e1" } as const;
    policy = withEntry(policy, { ...entry, entryId: "sle_a" as SenderEntryId, pattern: "x@ext.test" });
    const client = await from("192.0.2.4");
    assert.match(await client.ask("MAIL FROM:<x@ext.test>"), /^250/);
    assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^550 5\.7\.1 .*\(ref vrd_/);
    assert.match(await client.ask("RCPT TO:<carol@b.test>"), /^250/);
    assert.deepEqual(reasons(), ["kill-listed"]);
    client.close();
  });

  test("content: lone line ends, size, loops", async () => {
    set(ids.tenantA, "sizeLimitBytes", 2_000);
    const client = await from("192.0.2.5");
    const send = async (content: string): Promise<string> => (await client.deliver(["alice@a.test"], content)).at(-1)!;
    assert.match(await send("x\ny\r\n.\r\n"), /^550 5\.6\.11 .*\(ref vrd_/);
    assert.match(await send(`${"y".repeat(3_000)}\r\n.\r\n`), /^552 5\.3\.4 .*\(ref vrd_/);
    assert.match(await client.ask("MAIL FROM:<x@ext.test> SIZE=2000000000"), /^250/);
    assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^552 5\.3\.4 .*\(ref vrd_/);
    await client.ask("RSET");
    assert.match(await send("Delivered-To: Alice@a.test\r\n\r\nx\r\n.\r\n"), /^554 5\.4\.6 .*\(ref vrd_/);
    assert.match(await send(`${"Received: x\r\n".repeat(101)}\r\nx\r\n.\r\n`), /^554 5\.4\.6/);
    assert.match(await send(`${"Received: x\r\n".repeat(100)}\r\nx\r\n.\r\n`), /^250/);
    client.close();
  });

  test("submission: login required, sender and From belong to it", async () => {
    const early = "PROXY TCP4 192.0.2.6 198.51.100.1 5000 587\r\n";
    const client = await SmtpClient.dial(smtp.ports.submission!, { early });
    await client.reply();
    await client.ask("EHLO client.test");
    assert.match(await client.ask("MAIL FROM:<alice@a.test>"), /^530 5\.7\.0 .*\(ref vrd_/);
    await client.ask("STARTTLS");
    await client.startTls();
    await client.ask("EHLO client.test");
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^235/);
    await client.ask("MAIL FROM:<carol@b.test>");
    assert.match(await client.ask("RCPT TO:<far@away.test>"), /^55\d 5\.7\.1 .*\(ref vrd_/);
    await client.ask("RSET");
    const forged = await client.deliver(["far@away.test"], "From: carol@b.test\r\n\r\nx\r\n.\r\n", "alice@a.test");
    assert.match(forged.at(-1)!, /^55\d 5\.7\.1 .*\(ref vrd_/);
    assert.match(
      (await client.deliver(["far@away.test"], "From: alice@a.test\r\n\r\nx\r\n.\r\n", "alice@a.test")).at(-1)!,
      /^250/,
    );
    assert.equal(deps.fakeJournal.of("MessageQueued").length, 1);
    client.close();
  });

  test("an open session may not send once its mailbox is suspended", async () => {
    const early = "PROXY TCP4 192.0.2.9 198.51.100.1 5000 465\r\n";
    const client = await SmtpClient.dial(smtp.ports.submission!, { early });
    await client.reply();
    await client.ask("EHLO client.test");
    await client.ask("STARTTLS");
    await client.startTls();
    await client.ask("EHLO client.test");
    assert.match(await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^235/);
    const own = "From: alice@a.test\r\n\r\nx\r\n.\r\n";
    assert.match((await client.deliver(["far@away.test"], own, "alice@a.test")).at(-1)!, /^250/);
    const record = deps.directory.mailbox(ids.alice)!;
    Object.assign(record, { status: "suspended" });
    await client.ask("MAIL FROM:<alice@a.test>");
    assert.match(await client.ask("RCPT TO:<far@away.test>"), /^550 5\.7\.1 .*\(ref vrd_/);
    Object.assign(record, { status: "active" });
    client.close();
  });

  test("one message, two tenants: taken, unknown, too big for one, an alias with a full mailbox behind it", async () => {
    set(ids.tenantB, "sizeLimitBytes", 65_536);
    const bob = deps.directory.mailbox(ids.bob)!;
    const restore = { quotaBytes: bob.quotaBytes, usedBytes: bob.usedBytes };
    Object.assign(bob, { quotaBytes: 10, usedBytes: 10 });
    const client = await from("192.0.2.11");
    const big = message.replace("x\r\n.", `${"y".repeat(70_000)}\r\n.`);
    const replies = await client.deliver(["all@a.test", "nobody@b.test", "bob@a.test", "carol@b.test"], big);
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 9)),
      ["250 2.1.0", "250 2.1.5", "550 5.1.1", "452 4.2.2", "250 2.1.5", "354 End d", "250 2.0.0"],
    );
    const held = deps.fakeJournal.of("MessageHeld").map((event) => {
      const { mailboxId, kind, recipient } = event.data as Record<string, string>;
      return [event.stream.split(".")[0], mailboxId, kind, recipient];
    });
    assert.deepEqual(held, [
      [`quarantine-${ids.tenantA}`, ids.bob, "deferred", "all@a.test"],
      [`quarantine-${ids.tenantB}`, ids.carol, "quarantined", "carol@b.test"],
    ]);
    assert.deepEqual(
      deps.fakeJournal.of("MessageDelivered").map((event) => event.stream),
      [`mail-${ids.alice}`],
    );
    const verdicts = deps.fakeJournal.of("VerdictRecorded").map((event) => {
      const { reason, action } = event.data as Record<string, string>;
      return `${event.stream.split(".")[0]} ${action} ${reason}`;
    });
    assert.deepEqual(verdicts.sort(), [
      `verdict-${ids.tenantA} accept accepted`,
      `verdict-${ids.tenantA} defer over-quota`,
      `verdict-${ids.tenantB} reject recipient-unknown`,
      `verdict-${ids.tenantB} reject size-exceeded`,
    ]);
    Object.assign(bob, restore);
    client.close();
  });

  test("a message refused for one relayed recipient leaves no verdict that others took it", async () => {
    set(ids.tenantA, "relayMode", "addresses");
    set(ids.tenantA, "relayAddresses", ["192.0.2.0/24"]);
    const client = await from("192.0.2.10");
    const replies = await client.deliver(
      ["far@away.test", "alice@a.test"],
      "X: no from\r\n\r\nx\r\n.\r\n",
      "bob@a.test",
    );
    assert.match(replies.at(-1)!, /^550 5\.6\.0 .*\(ref vrd_/);
    assert.deepEqual(reasons(), ["header-missing"]);
    client.close();
  });

  test("the count of a flood belongs to tenant and reseller like the verdicts it stands for", async () => {
    const own = await fakeDeps({ policy: { current: () => policy, ready: () => true } });
    const ports = { mx: 0, submission: undefined, submissions: undefined };
    const other = await startSmtp(own, { host: "127.0.0.1", hostname: "mx.test", trustedProxies: [], ports });
    const entry = { list: "kill", scope: { kind: "tenant", id: ids.tenantA }, byEvent: "e1" } as const;
    policy = withEntry(policy, { ...entry, entryId: "sle_a" as SenderEntryId, pattern: "x@ext.test" });
    const client = await SmtpClient.greeted(other.ports.mx!);
    await client.ask("MAIL FROM:<x@ext.test>");
    for (let n = 0; n < 12; n += 1) assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^550 5\.7\.1/);
    client.close();
    await other.close();
    const [verdict] = own.fakeJournal.of("VerdictRecorded");
    const [repeated] = own.fakeJournal.of("VerdictsRepeated");
    const ownerOf = (event: typeof verdict) => [event?.metadata.tenantId, event?.metadata.resellerId];
    assert.equal((repeated!.data as { count: number }).count, 2);
    assert.deepEqual(ownerOf(repeated), ownerOf(verdict));
    assert.ok(verdict?.metadata.resellerId !== undefined);
  });

  test("an over-long command denies the address for a while, and only it", async () => {
    policy = withSetting(policy, { scope: { kind: "platform" }, name: "overlongAction", value: "deny", byEvent: "e" });
    const client = await from("192.0.2.7");
    client.send(`NOOP ${"x".repeat(600)}\r\n`);
    assert.match(await client.rest(), /^421 4\.7\.0/);
    const denied = deps.fakeJournal.of("IpDenied")[0]!.data as { prefix: string; reason: string; until: number };
    policy = withDenial(emptyPolicy(), { ...denied, byEvent: "e", at: Date.now() });
    const again = await SmtpClient.dial(smtp.ports.mx!, { early: "PROXY TCP4 192.0.2.7 198.51.100.1 5000 25\r\n" });
    assert.match(await again.rest(), /^421 4\.7\.0/);
    (await from("192.0.2.8")).close();
  });
});
