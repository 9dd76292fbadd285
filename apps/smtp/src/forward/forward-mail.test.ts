import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import type { BodyRef, MessageQueued } from "@mailfold/events";
import { authenticateMessage } from "@mailfold/mail-auth";
import { ids } from "../testing/fake-deps.ts";
import { policyHouse } from "../testing/policy-house.ts";
import { srsRecipient } from "./forwarding.ts";

const text =
  "From: x@ext.test\r\nTo: alice@a.test\r\nSubject: hi\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nbody\r\n";
const message = `${text}.\r\n`;
const peer = "192.0.2.10";

describe("mail that rules send on", () => {
  const house = policyHouse();
  const mailbox = (mailboxId: string) => ({ kind: "mailbox", id: mailboxId }) as never;
  const rule = (mailboxId: string, action: SettingValue) =>
    house.set(mailbox(mailboxId), "rules", [{ name: "on", all: [], actions: [action] }]);
  const queued = () => house.deps.fakeJournal.of("MessageQueued").map((event) => event.data as MessageQueued["data"]);
  const delivered = () => house.deps.fakeJournal.of("MessageDelivered").map((event) => event.stream);
  const deliver = async (recipients: readonly string[], sender?: string) => {
    const client = await house.from(peer);
    const replies = await client.deliver(recipients, message, sender);
    client.close();
    return replies.at(-1)?.slice(0, 9);
  };
  const bytesOf = ({ sha256, tenantId }: BodyRef) =>
    house.deps.fakeJournal.commits
      .flatMap((commit) => commit.bodies ?? [])
      .find(({ ref }) => ref.sha256 === sha256 && ref.tenantId === tenantId)?.bytes ?? Buffer.alloc(0);

  test("redirect keeps no copy; the sender is rewritten, the body is the one that came, and the seal passes elsewhere", async () => {
    rule(ids.alice, { do: "redirect", to: ["friend@far.test", "other@far.test"] });
    assert.equal(await deliver(["alice@a.test"]), "250 2.0.0");
    assert.deepEqual(delivered(), []);
    const [forward, ...more] = queued();
    assert.ok(forward !== undefined && more.length === 0);
    assert.deepEqual(
      [forward.recipients, forward.vouchedBy, forward.body.tenantId],
      [["friend@far.test", "other@far.test"], "none", ids.tenantA],
    );
    assert.match(forward.sender, /^SRS0=[a-z2-7]{8}=[a-z2-7]{2}=ext\.test=x@a\.test$/);
    assert.equal(srsRecipient(house.forwarding, forward.sender, Date.now()), "x@ext.test");
    assert.equal(bytesOf(forward.body).toString(), text);
    assert.match(forward.prefix, /\r\nDelivered-To: alice@a\.test\r\nReceived: from client\.test /);
    const result = await authenticateMessage({
      ip: "192.0.2.77",
      helo: "mx.test",
      mailFrom: forward.sender,
      hostname: "mx.far.test",
      message: Buffer.concat([Buffer.from(forward.prefix), bytesOf(forward.body)]),
      deadlineMs: 5_000,
      resolver: house.deps.resolver,
    });
    assert.deepEqual([result.arc.result, result.arc.chain.at(-1)?.domain], ["pass", "mx.test"], result.arc.detail);
  });

  test("what is redirected says what enters the mailbox should it fail; what is forwarded is there already", async () => {
    rule(ids.alice, { do: "redirect", to: ["friend@far.test"] });
    rule(ids.bob, { do: "forward", to: ["other@far.test"] });
    await deliver(["alice@a.test", "bob@a.test"]);
    const kept = queued().map(({ ifFailed }) => ifFailed?.map(({ mailboxId, folder }) => [mailboxId, folder]));
    assert.deepEqual(kept, [[[ids.alice, "INBOX"]], undefined]);
    assert.match(queued()[0]?.ifFailed?.[0]?.prefix ?? "", /^Return-Path: <.+>\r\nDelivered-To: alice@a\.test\r\n/);
  });

  test("of two that redirect to one address one is sent on; the other's copy hangs on nobody else's", async () => {
    rule(ids.alice, { do: "redirect", to: ["friend@far.test"] });
    rule(ids.bob, { do: "redirect", to: ["friend@far.test"] });
    await deliver(["alice@a.test", "bob@a.test"]);
    assert.deepEqual([queued().length, delivered()], [1, [`mail-${ids.bob}`]]);
  });

  test("forward keeps the copy, and a null sender stays null", async () => {
    rule(ids.alice, { do: "forward", to: ["friend@far.test"] });
    assert.equal(await deliver(["alice@a.test"], ""), "250 2.0.0");
    assert.deepEqual(delivered(), [`mail-${ids.alice}`]);
    assert.deepEqual(
      queued().map(({ sender }) => sender),
      [""],
    );
  });

  test("a target of ours is judged by its own policy: delivered, or held as its tenant wants", async () => {
    rule(ids.alice, { do: "redirect", to: ["carol@b.test"] });
    await deliver(["alice@a.test"]);
    assert.deepEqual([delivered(), queued()], [[`mail-${ids.carol}`], []]);
    house.deps.fakeJournal.commits.length = 0;
    house.set({ kind: "tenant", id: ids.tenantB }, "rules", [{ name: "no", all: [], actions: [{ do: "reject" }] }]);
    assert.equal(await deliver(["alice@a.test"]), "250 2.0.0");
    const held = house.deps.fakeJournal.of("MessageHeld").map(({ data }) => (data as { mailboxId: string }).mailboxId);
    assert.deepEqual([delivered(), held], [[], [ids.carol]]);
    const recipients = house.deps.fakeJournal
      .of("VerdictRecorded")
      .map(({ data }) => (data as { facts: { recipient: { address: string } } }).facts.recipient.address);
    assert.deepEqual(recipients, ["alice@a.test", "carol@b.test"]);
  });

  test("two that redirect to each other, or to themselves, end with one copy each at most", async () => {
    rule(ids.alice, { do: "redirect", to: ["bob@a.test"] });
    rule(ids.bob, { do: "redirect", to: ["alice@a.test"] });
    await deliver(["alice@a.test"]);
    assert.deepEqual(delivered(), [`mail-${ids.alice}`]);
    house.deps.fakeJournal.commits.length = 0;
    rule(ids.alice, { do: "redirect", to: ["alice@a.test"] });
    await deliver(["alice@a.test"]);
    assert.deepEqual(delivered(), [`mail-${ids.alice}`]);
  });

  test("held mail and junk are not sent on, nor is mail with a long way behind it, nor while forwarding is off", async () => {
    const redirect: SettingValue = { do: "redirect", to: ["friend@far.test"] };
    house.set(mailbox(ids.alice), "rules", [{ name: "on", all: [], actions: [redirect, { do: "quarantine" }] }]);
    await deliver(["alice@a.test"]);
    rule(ids.alice, redirect);
    house.set(mailbox(ids.alice), "spamThresholds", { junk: 0.1 });
    await deliver(["alice@a.test"]);
    assert.deepEqual([queued().length, delivered()], [0, [`mail-${ids.alice}`]]);
    house.set(mailbox(ids.alice), "spamThresholds", {});
    const client = await house.from(peer);
    await client.deliver(["alice@a.test"], "Received: from a by b\r\n".repeat(60) + message);
    client.close();
    assert.equal(queued().length, 0);
    const tenant = house.deps.directory.tenant(ids.tenantA)!;
    Object.assign(tenant.switches, { forwarding: true });
    await deliver(["alice@a.test"]);
    Object.assign(tenant.switches, { forwarding: false });
    assert.deepEqual([queued().length, delivered().length], [0, 3]);
  });

  test("a bounce to the rewritten address goes to the sender; others to it are unknown recipients", async () => {
    rule(ids.alice, { do: "redirect", to: ["friend@far.test"] });
    await deliver(["alice@a.test"]);
    const [{ sender } = { sender: "" }] = queued();
    house.deps.fakeJournal.commits.length = 0;
    const client = await house.from(peer);
    await client.ask("MAIL FROM:<spammer@bad.test>");
    assert.match(await client.ask(`RCPT TO:<${sender}>`), /^550 5\.1\.1 /);
    await client.ask("RSET");
    await client.ask("MAIL FROM:<>");
    assert.match(await client.ask(`RCPT TO:<${sender.replace("ext.test", "bad.test")}>`), /^550 5\.1\.1 /);
    await client.ask("RSET");
    await client.ask("MAIL FROM:<>");
    assert.match(await client.ask(`RCPT TO:<${sender.replace("@a.test", "@b.test")}>`), /^550 5\.1\.1 /, "B's account");
    const tenant = house.deps.directory.tenant(ids.tenantA)!;
    Object.assign(tenant.switches, { forwarding: true });
    assert.match(await client.ask(`RCPT TO:<${sender}>`), /^550 5\.1\.1 /, "nothing is sent on here");
    Object.assign(tenant.switches, { forwarding: false });
    await client.ask("RSET");
    const replies = await client.deliver([sender.toUpperCase()], message, "");
    assert.match(replies.at(-1) ?? "", /^250 2\.0\.0 /);
    client.close();
    assert.deepEqual(
      queued().map(({ sender: from, recipients, vouchedBy }) => [from, recipients, vouchedBy]),
      [["", ["x@ext.test"], "none"]],
    );
  });

  test("each address elsewhere counts as one that the tenant sent to; over its limit the copy stays", async () => {
    const to = ["1@far.test", "2@far.test", "3@far.test"];
    rule(ids.alice, { do: "redirect", to });
    const before = house.counters.read({ tenantId: ids.tenantA }, Date.now()).tenantRecipients ?? 0;
    const limit = (more: number) =>
      house.set({ kind: "tenant", id: ids.tenantA }, "tenantRecipientsPerHour", before + more);
    limit(4);
    await deliver(["alice@a.test"]);
    assert.deepEqual([queued().map(({ recipients }) => recipients), delivered()], [[to], []]);
    house.deps.fakeJournal.commits.length = 0;
    await deliver(["alice@a.test"]);
    assert.deepEqual(
      [queued().map(({ recipients }) => recipients), delivered()],
      [[["1@far.test"]], [`mail-${ids.alice}`]],
    );
    assert.equal(house.counters.read({ tenantId: ids.tenantA }, Date.now()).tenantRecipients, before + 4);
  });

  test("recognised spam in the inbox, tagged or marked, is not sent on", async () => {
    const redirect = { do: "redirect", to: ["friend@far.test"] };
    for (const junkAction of ["tag", "header"]) {
      rule(ids.alice, redirect);
      house.set(mailbox(ids.alice), "spamThresholds", { junk: 0.1 });
      house.set(mailbox(ids.alice), "junkAction", junkAction);
      house.deps.fakeJournal.commits.length = 0;
      await deliver(["alice@a.test"]);
      assert.deepEqual([queued().length, delivered()], [0, [`mail-${ids.alice}`]], junkAction);
    }
  });

  test("bounces to one sender are few, and are none of the tenant's recipients", async () => {
    rule(ids.alice, { do: "redirect", to: ["friend@far.test"] });
    house.set({ kind: "tenant", id: ids.tenantA }, "tenantRecipientsPerHour", 1_000);
    await deliver(["alice@a.test"], "often@ext.test");
    const [{ sender } = { sender: "" }] = queued();
    const sent = house.counters.read({ tenantId: ids.tenantA }, Date.now()).tenantRecipients;
    const client = await house.from(peer);
    for (let bounce = 0; bounce < 10; bounce += 1) {
      await client.ask("MAIL FROM:<>");
      assert.match(await client.ask(`RCPT TO:<${sender}>`), /^250 /);
      await client.ask("RSET");
    }
    await client.ask("MAIL FROM:<>");
    assert.match(await client.ask(`RCPT TO:<${sender}>`), /^452 4\.7\.1 /);
    client.close();
    assert.equal(house.counters.read({ tenantId: ids.tenantA }, Date.now()).tenantRecipients, sent);
  });
});
