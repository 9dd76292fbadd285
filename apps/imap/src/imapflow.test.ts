import assert from "node:assert/strict";
import { test } from "node:test";
import { ImapFlow } from "imapflow";
import { password, startTestPlatform } from "./testing/test-platform.ts";

test("imapflow as a peer: list, append, fetch, flag, copy, move, search, idle, delete", {
  timeout: 15_000,
}, async () => {
  const platform = await startTestPlatform();
  const client = new ImapFlow({
    host: "127.0.0.1",
    port: platform.port,
    secure: false,
    doSTARTTLS: true,
    tls: { rejectUnauthorized: false },
    auth: { user: platform.account.address, pass: password },
    logger: false,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    assert.equal(client.secureConnection, true);
    await client.mailboxCreate("Entwürfe");
    await client.mailboxCreate(["Work", "2026"]);
    const names = (await client.list()).map(({ path }) => path).sort();
    assert.deepEqual(names, ["Entwürfe", "INBOX", "Work", "Work/2026"]);
    const content = "From: a@b.test\r\nSubject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\n\r\nhello there\r\n";
    const appended = await client.append("INBOX", content, ["\\Flagged"]);
    assert.ok(appended);
    assert.equal(appended.uid, 1);
    await platform.deliver("From: eve@x.test\r\nSubject: second\r\n\r\nbye\r\n", { prefix: "Received: by mx\r\n" });
    const lock = await client.getMailboxLock("INBOX");
    try {
      const first = await client.fetchOne("1", {
        envelope: true,
        source: true,
        flags: true,
        bodyStructure: true,
        uid: true,
      });
      assert.ok(first);
      assert.equal(first.source?.toString(), content);
      assert.equal(first.envelope?.subject, "grüße");
      assert.equal(first.bodyStructure?.type, "text/plain");
      const { content: stream } = await client.download("2");
      assert.ok(stream);
      const downloaded = await stream.toArray();
      assert.equal(
        Buffer.concat(downloaded).toString(),
        "Received: by mx\r\nFrom: eve@x.test\r\nSubject: second\r\n\r\nbye\r\n",
      );
      await client.messageFlagsAdd("1:*", ["\\Seen", "$Done"]);
      assert.deepEqual(await client.search({ seen: true }, { uid: true }), [1, 2]);
      assert.deepEqual(await client.search({ subject: "grüße" }, { uid: true }), [1]);
      assert.deepEqual(await client.search({ body: "bye" }, { uid: true }), [2]);
      const copied = await client.messageCopy("1", "Work/2026", { uid: true });
      assert.ok(copied);
      assert.deepEqual(copied.uidMap, new Map([[1, 1]]));
      const moved = await client.messageMove("2", "Entwürfe", { uid: true });
      assert.ok(moved);
      assert.deepEqual(moved.uidMap, new Map([[2, 1]]));
      assert.equal(existsIn(client), 1);
      const arrived = new Promise<number>((resolve) => client.once("exists", ({ count }) => resolve(count)));
      const idling = client.idle();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const started = performance.now();
      await platform.deliver("Subject: third\r\n\r\nx");
      assert.equal(await arrived, 2);
      assert.ok(performance.now() - started < 1_000);
      assert.equal(await client.messageDelete("1:*"), true);
      await idling;
      assert.equal(existsIn(client), 0);
    } finally {
      lock.release();
    }
    await client.mailboxRename("Work", "Old");
    await client.mailboxDelete("Entwürfe");
    assert.deepEqual((await client.list()).map(({ path }) => path).sort(), ["INBOX", "Old", "Old/2026"]);
    const status = await client.status("Old/2026", { messages: true, unseen: true });
    assert.ok(status);
    assert.deepEqual([status.messages, status.unseen], [1, 0]);
    await client.logout();
  } finally {
    client.close();
    await platform.close();
  }
});

function existsIn({ mailbox }: ImapFlow): number | undefined {
  return mailbox === false ? undefined : mailbox.exists;
}
