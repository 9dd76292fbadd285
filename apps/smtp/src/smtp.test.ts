import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { message, smtpHouse } from "./smtp-test-world.ts";
import { ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";

describe("a mail's way in", () => {
  const house = smtpHouse();

  test("one commit: verdict, delivery, body; then 250 with the transaction's id", async () => {
    const client = await SmtpClient.greeted(house.mx);
    const replies = await client.deliver(["Alice@A.test"], message);
    assert.match(replies.at(-1)!, /^250 2\.0\.0 msg_[0-9a-z]{26}$/);
    assert.equal(house.deps.fakeJournal.commits.length, 1);
    const [commit] = house.deps.fakeJournal.commits;
    const [delivered] = house.deps.fakeJournal.of("MessageDelivered");
    const data = delivered!.data as Record<string, unknown>;
    assert.equal(delivered!.stream, `mail-${ids.alice}`);
    assert.equal(data.folder, "INBOX");
    assert.match(
      String(data.prefix),
      /^Return-Path: <x@ext\.test>\r\nDelivered-To: alice@a\.test\r\nReceived: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby mx\.test \(Mailfold\) with ESMTP id msg_.*\r\n\tfor <alice@a\.test>;\r\n\t.* \+0000\r\n$/,
    );
    const body = Buffer.from(commit!.bodies![0]!.bytes).toString();
    assert.equal(body, message.slice(0, -3));
    assert.equal(data.sizeBytes, String(data.prefix).length + body.length);
    assert.deepEqual(commit!.holds, [{ stream: `mail-${ids.alice}`, ref: commit!.bodies![0]!.ref }]);
    const [verdict] = house.deps.fakeJournal.of("VerdictRecorded");
    assert.match(verdict!.stream, new RegExp(`^verdict-${ids.tenantA}\\.\\d{8}$`));
    assert.equal((verdict!.data as { subject: string }).subject, "hello");
    client.close();
  });

  test("an address and its alias are one copy per mailbox; each tenant's body once; lower-cased duplicates once", async () => {
    const client = await SmtpClient.greeted(house.mx);
    await client.deliver(["alice@a.test", "ALICE@a.test", "all@a.test", "carol@b.test"], message);
    const streams = house.deps.fakeJournal.of("MessageDelivered").map((event) => event.stream);
    assert.deepEqual(
      streams.sort(),
      [ids.alice, ids.bob, ids.carol].map((id) => `mail-${id}`),
    );
    assert.deepEqual(house.deps.fakeJournal.commits[0]!.bodies!.map((body) => body.ref.tenantId).sort(), [
      ids.tenantA,
      ids.tenantB,
    ]);
    assert.equal(house.deps.fakeJournal.of("VerdictRecorded").length, 3);
    assert.doesNotMatch(
      String((house.deps.fakeJournal.of("MessageDelivered")[0]!.data as { prefix: string }).prefix),
      /for </,
    );
    client.close();
  });

  test("a refused recipient gets a reference that is committed before the reply; unknown ones of a session share it", async () => {
    const client = await SmtpClient.greeted(house.mx);
    await client.ask("MAIL FROM:<x@ext.test>");
    const first = await client.ask("RCPT TO:<nobody@a.test>");
    const reference = /^550 5\.1\.1 No such user \(ref (vrd_[0-9a-z]{26})\)$/.exec(first)![1];
    assert.equal((house.deps.fakeJournal.of("VerdictRecorded")[0]!.data as { verdictId: string }).verdictId, reference);
    assert.ok((await client.ask("RCPT TO:<nobody2@a.test>")).includes(reference!));
    assert.equal(house.deps.fakeJournal.of("VerdictRecorded").length, 1);
    assert.equal(await client.ask("DATA"), "554 5.5.1 No valid recipients");
    client.close();
  });

  test("a failed commit is 451, never 250", async () => {
    const client = await SmtpClient.greeted(house.mx);
    house.deps.fakeJournal.failure = new Error("disk");
    const replies = await client.deliver(["alice@a.test"], message);
    assert.match(replies.at(-1)!, /^451 4\.3\.0 /);
    await client.ask("MAIL FROM:<x@ext.test>");
    assert.match(await client.ask("RCPT TO:<nobody@a.test>"), /^451 4\.3\.0 /);
    client.close();
  });

  test("mixed answers: taken, refused copy held in quarantine, deferred copy held to be judged again", async () => {
    house.deps.fakePolicy.rule = (phase, facts) => {
      if (phase !== "data") return undefined;
      if (facts.recipient?.address === "bob@a.test") return { action: "reject", code: 550, reason: "spam" };
      if (facts.recipient?.address === "carol@b.test") return { action: "defer", code: 450, reason: "later" };
      return undefined;
    };
    const client = await SmtpClient.greeted(house.mx);
    const replies = await client.deliver(["alice@a.test", "bob@a.test", "carol@b.test"], message);
    assert.match(replies.at(-1)!, /^250 /);
    const held = house.deps.fakeJournal.of("MessageHeld").map((event) => event.data as Record<string, unknown>);
    assert.deepEqual(
      held.map((data) => [data.recipient, data.kind, data.judgeAgainAt !== undefined]),
      [
        ["bob@a.test", "quarantined", false],
        ["carol@b.test", "deferred", true],
      ],
    );
    assert.equal(house.deps.fakeJournal.commits.length, 1);
    client.close();
  });

  test("a mailbox whose one address is refused and whose other is taken gets the mail, in any order", async () => {
    house.deps.fakePolicy.rule = (phase, facts) =>
      phase === "data" && facts.recipient?.address === "all@a.test"
        ? { action: "reject", code: 552, reason: "size-exceeded" }
        : undefined;
    const client = await SmtpClient.greeted(house.mx);
    for (const recipients of [
      ["all@a.test", "alice@a.test"],
      ["alice@a.test", "all@a.test"],
    ]) {
      house.deps.fakeJournal.commits.length = 0;
      assert.match((await client.deliver(recipients, message)).at(-1)!, /^250 /);
      const streams = (type: string) => house.deps.fakeJournal.of(type).map((event) => event.stream);
      assert.deepEqual(streams("MessageDelivered"), [`mail-${ids.alice}`]);
      const held = house.deps.fakeJournal
        .of("MessageHeld")
        .map((event) => (event.data as { mailboxId: string }).mailboxId);
      assert.deepEqual(held, [ids.bob]);
    }
    client.close();
  });

  test("all refused: 5xx with reference, nothing stored; none taken and one deferred: 4xx", async () => {
    house.deps.fakePolicy.rule = (phase) =>
      phase === "data"
        ? { action: "reject", code: 554, enhancedCode: "5.7.1", text: "Spam", reason: "spam" }
        : undefined;
    const client = await SmtpClient.greeted(house.mx);
    let replies = await client.deliver(["alice@a.test", "bob@a.test"], message);
    assert.match(replies.at(-1)!, /^554 5\.7\.1 Spam \(ref vrd_/);
    assert.equal(house.deps.fakeJournal.of("VerdictRecorded").length, 2);
    assert.ok(house.deps.fakeJournal.commits.every((commit) => (commit.bodies ?? []).length === 0));
    house.deps.fakePolicy.rule = (phase, facts) =>
      phase !== "data"
        ? undefined
        : facts.recipient?.address === "bob@a.test"
          ? { action: "defer", code: 450, enhancedCode: "4.7.1", text: "Later", reason: "later" }
          : { action: "reject", code: 554, enhancedCode: "5.7.1", text: "Spam", reason: "spam" };
    replies = await client.deliver(["alice@a.test", "bob@a.test"], message);
    assert.match(replies.at(-1)!, /^450 4\.7\.1 Later \(ref vrd_/);
    client.close();
  });

  test("junk, quarantine and discard take the mail", async () => {
    const client = await SmtpClient.greeted(house.mx);
    for (const action of ["junk", "quarantine", "discard"] as const) {
      house.deps.fakePolicy.rule = (phase) => (phase === "data" ? { action } : undefined);
      assert.match((await client.deliver(["alice@a.test"], message)).at(-1)!, /^250 /);
    }
    assert.deepEqual((house.deps.fakeJournal.of("MessageDelivered")[0]!.data as { folder: unknown }).folder, {
      specialUse: "junk",
    });
    assert.deepEqual(
      house.deps.fakeJournal.of("MessageHeld").map((event) => (event.data as { kind: string }).kind),
      ["quarantined", "discarded"],
    );
    client.close();
  });

  test("a refusal found before RCPT is held until RCPT; without any RCPT it is recorded at the end", async () => {
    house.deps.fakePolicy.rule = (phase) =>
      phase === "mail" ? { action: "reject", code: 550, reason: "killed" } : undefined;
    const client = await SmtpClient.greeted(house.mx);
    assert.match(await client.ask("MAIL FROM:<x@ext.test>"), /^250 /);
    await client.ask("QUIT");
    await client.rest();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(
      house.deps.fakeJournal.of("VerdictRecorded").map((event) => (event.data as { reason: string }).reason),
      ["killed"],
    );
  });

  test("an immediate refusal replaces the greeting", async () => {
    house.deps.fakePolicy.rule = (phase) =>
      phase === "connect"
        ? {
            action: "reject",
            code: 554,
            enhancedCode: "5.7.1",
            text: "No",
            immediate: true,
            close: true,
            reason: "denied",
          }
        : undefined;
    const client = await SmtpClient.dial(house.mx);
    assert.match(await client.rest(), /^554 5\.7\.1 No \(ref vrd_[0-9a-z]+\)\r\n$/);
  });

  test("before the views have caught up mail is 451", async () => {
    house.deps.fakePolicy.isReady = false;
    const client = await SmtpClient.greeted(house.mx);
    assert.match(await client.ask("MAIL FROM:<x@ext.test>"), /^451 4\.3\.0/);
    house.deps.fakePolicy.isReady = true;
    client.close();
  });
});
