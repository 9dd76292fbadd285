import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testEveryRefusal } from "../explained-refusals.ts";
import { everywhere, outcomeOf } from "../policy-calls.ts";
import { mutate } from "../provision.ts";
import { connectRaw, restOf } from "../raw-peer.ts";
import { openDialogue } from "../smtp-dialogue.ts";
import { folderTexts, mail, messageIn, type OptionWorld, say, startOptionWorld } from "./option-world.ts";

let world: OptionWorld;
before(async () => {
  world = await startOptionWorld();
});
after(() => world?.stop());
const external = ["someone@elsewhere.example"];

describe("Advanced (8.1)", () => {
  test("Maximum recipients per message", async () => {
    await world.set({ maxRecipientsPerMessage: 1 });
    const session = await world.session("192.0.2.10");
    await say(session, "MAIL FROM:<someone@foreign.example>");
    assert.equal((await say(session, "RCPT TO:<user@acme.test>")).code, 250);
    const second = await say(session, "RCPT TO:<ann@acme.test>");
    assert.equal(await world.outcome(second), "452 too-many-recipients");
    session.dialogue.close();
    await world.set({ maxRecipientsPerMessage: 100 });
  });

  test("Delay between recipients", async () => {
    const delayMs = 700;
    const timed = async (ip: string) => {
      const session = await world.session(ip);
      await say(session, "MAIL FROM:<someone@foreign.example>");
      const times: number[] = [];
      for (const local of ["user", "ann"]) {
        const startedAt = performance.now();
        assert.equal((await say(session, `RCPT TO:<${local}@acme.test>`)).code, 250);
        times.push(performance.now() - startedAt);
      }
      session.dialogue.close();
      return times as [first: number, second: number];
    };
    const [, free] = await timed("192.0.2.11");
    assert.ok(free < delayMs, "0 by default");
    await world.set({ recipientDelayMs: delayMs });
    const [first, second] = await timed("192.0.2.11");
    assert.ok(first < delayMs && second >= delayMs - 20, `${first}, ${second} ms`);
    await world.set({ recipientDelayMs: 0 });
  });

  test("Hello Message", async () => {
    const greetings = async () => {
      const { dialogue, greeting } = await world.session("192.0.2.12");
      dialogue.close();
      const imap = await connectRaw(world.platform.ports.imap, "192.0.2.12", "a LOGOUT\r\n");
      return { smtp: greeting.text, imap: (await restOf(imap)).split("\r\n")[0] ?? "" };
    };
    const plain = await greetings();
    assert.equal(plain.smtp, "mx.mailfold.test ESMTP");
    for (const text of Object.values(plain))
      assert.doesNotMatch(text, /mailfold[/ ]|\d\.\d|node/i, "no product, no version");
    await world.set({ banners: { smtp: "no spam, please", imap: "staff only" } }, everywhere);
    const worded = await greetings();
    assert.match(worded.smtp, /^mx\.mailfold\.test ESMTP no spam, please$/);
    assert.match(worded.imap, /staff only/);
    await world.set({ banners: {} }, everywhere);
    assert.deepEqual(await greetings(), plain, "clear = default");
  });

  test("Disable SMTP 'AUTH' command", async () => {
    const { ehlo, dialogue } = await world.session("192.0.2.13");
    assert.doesNotMatch(ehlo.text, /AUTH/, "the MX never offers it");
    dialogue.close();
    const offered = async () => {
      const session = await world.session("192.0.2.13", { port: world.platform.ports.submission });
      await session.dialogue.startTls();
      const secured = await say(session, "EHLO client.example");
      const auth = await session.dialogue.authPlain(world.user.address, world.user.password);
      session.dialogue.close();
      return [/^AUTH (.*)$/m.exec(secured.text)?.[1], auth.code];
    };
    assert.deepEqual(await offered(), ["PLAIN LOGIN", 235]);
    await world.set({ authMechanisms: [] }, everywhere);
    const [none, code] = await offered();
    assert.equal(none, undefined);
    assert.ok(Number(code) >= 500, `${code}`);
    await world.set({ authMechanisms: ["LOGIN", "PLAIN"] }, everywhere);
  });

  test("Port", async () => {
    const { ports } = world.platform;
    const listening = [ports.smtp, ports.submission, ports.imap];
    assert.equal(new Set(listening).size, listening.length);
    for (const port of listening) {
      const dialogue = await openDialogue({ port });
      dialogue.close();
    }
  });

  test("Size of a message", async () => {
    await world.set({ sizeLimitBytes: 65_536 });
    const big = mail("too big", { body: `${"x".repeat(70)}\n`.repeat(1_000) });
    assert.equal(await world.send({ ip: "192.0.2.14", message: big }), "552 size-exceeded");
    assert.match(await world.send({ ip: "192.0.2.14", message: mail("small") }), /^250 /);
    await world.set({ sizeLimitBytes: 50 * 1_048_576 });
  });

  test("Sending limits", async () => {
    const login = world.acme.mailboxes[1];
    assert.ok(login);
    await world.set({ recipientsPerHour: 2 }, { mailboxId: login.id });
    const send = () =>
      outcomeOf(
        world.platform,
        { port: world.platform.ports.submission, startTls: true },
        { from: login.address, to: external, login, message: `From: ${login.address}\n\nx\n` },
      );
    assert.deepEqual(
      [await send(), await send(), await send()].map((answer) => answer.slice(0, 3)),
      ["250", "250", "452"],
    );
    assert.equal(await world.submit({ to: external }), "250 relay-login", "another mailbox has its own count");
    await world.set({ tenantRecipientsPerHour: 1 });
    assert.match(await world.submit({ to: external }), /^452 /);
    await world.set({ tenantRecipientsPerHour: 0 });
    assert.equal(await world.submit({ to: external }), "250 relay-login");
  });
});

describe("SSL/TLS", () => {
  test("Accept only SSL and TLS", async () => {
    const port = world.platform.ports.submission;
    const { dialogue, ehlo } = await world.session("192.0.2.20", { port });
    assert.doesNotMatch(ehlo.text, /AUTH/);
    assert.equal((await dialogue.authPlain(world.user.address, world.user.password)).code, 538);
    dialogue.close();
    await world.set({ requireTls: false }, everywhere);
    const clear = await world.session("192.0.2.20", { port });
    assert.equal((await clear.dialogue.authPlain(world.user.address, world.user.password)).code, 235);
    clear.dialogue.close();
    await world.set({ requireTls: true }, everywhere);
  });

  test("Self-signed certificate", async () => {
    const { dialogue } = await world.session("192.0.2.21");
    assert.equal((await dialogue.startTls()).code, 220, "made at the first start");
    assert.equal((await dialogue.command("EHLO client.example")).code, 250);
    dialogue.close();
  });
});

describe("Privileges/accounts", () => {
  const mailboxId = () => world.acme.mailboxes[1]?.id;
  const toAnn = () => world.send({ ip: "192.0.2.30", to: ["ann@acme.test"] });

  test("Account access disabled", async () => {
    await mutate(world.platform, "mailboxSuspend", "mailbox { id }", { mailboxId: mailboxId(), reason: "ADMIN" });
    assert.equal(await toAnn(), "550 recipient-suspended");
    const ann = world.acme.mailboxes[1];
    assert.ok(ann);
    await assert.rejects(folderTexts(world.platform, ann), "POP3 and IMAP are closed");
    await mutate(world.platform, "mailboxResume", "mailbox { id }", { mailboxId: mailboxId() });
    assert.equal(await toAnn(), "250 accepted");
  });

  test("Maximum mailbox size", async () => {
    await mutate(world.platform, "mailboxUpdate", "mailbox { id }", { mailboxId: mailboxId(), quotaBytes: 10 });
    assert.equal(await toAnn(), "452 over-quota", "what is there already is more");
    await mutate(world.platform, "mailboxUpdate", "mailbox { id }", { mailboxId: mailboxId(), quotaBytes: 10_000_000 });
    assert.equal(await toAnn(), "250 accepted");
  });

  test("Whole host disabled", async () => {
    const switches = { login: true, submission: true, inbound: true, forwarding: true };
    await mutate(world.platform, "tenantSuspend", "tenant { id }", {
      tenantId: world.acme.id,
      reason: "NON_PAYMENT",
      switches,
    });
    assert.equal(await toAnn(), "550 tenant-suspended");
    await assert.rejects(folderTexts(world.platform, world.user));
    await mutate(world.platform, "tenantResume", "tenant { id }", { tenantId: world.acme.id });
    assert.equal(await toAnn(), "250 accepted");
  });

  test("System, host, list administrator", async () => {
    const made = await mutate(world.platform, "tokenCreate", "secret", { name: "host admin", scope: world.scope });
    const token = made.secret as unknown as string;
    const change = (scope: Record<string, unknown>) =>
      world.platform.graphqlRaw(
        "mutation($input: PolicyUpdateInput!) { policyUpdate(input: $input) { errors { code } } }",
        { input: { scope, set: { refuseNullSender: false } } },
        token,
      );
    const own = await change(world.scope);
    assert.deepEqual(own.body.data, { policyUpdate: { errors: [] } });
    const above = JSON.stringify((await change({ platform: true })).body);
    assert.match(above, /FORBIDDEN|NOT_FOUND/, "a host admin does not touch the system's settings");
  });

  test("One message id across logs", async () => {
    const session = await world.session("192.0.2.31");
    await say(session, "MAIL FROM:<someone@foreign.example>", "RCPT TO:<user@acme.test>", "DATA");
    const reply = await session.dialogue.body(mail("traced"));
    session.dialogue.close();
    const id = /msg_\w+/.exec(reply.text)?.[0] ?? "";
    assert.match((await messageIn(world, "traced")) ?? "", new RegExp(`^Received: [\\s\\S]*${id}`, "m"));
    const data = await world.platform.graphql<{ messageTrace: { nodes: readonly { transactionId: string }[] } }>(
      "query($reference: String) { messageTrace(first: 1, where: {reference: $reference}) { nodes { transactionId } } }",
      { reference: id },
    );
    assert.deepEqual(data.messageTrace.nodes, [{ transactionId: id }]);
  });
});

testEveryRefusal(() => world.platform);
