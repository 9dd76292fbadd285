import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { EventStoreFault } from "@mailfold/event-store";
import { newId } from "@mailfold/ids";
import { RawClient } from "../testing/raw-client.ts";
import { startTestPlatform, type TestPlatform } from "../testing/test-platform.ts";

const text = (subject: string) => `Subject: ${subject}\r\n\r\ntext\r\n`;

for (const isAtomic of [true, false]) {
  describe(`what users say of their mail, ${isAtomic ? "in one write with it" : "written after it"}`, () =>
    says(isAtomic));
}

function says(isAtomic: boolean): void {
  let platform: TestPlatform;
  let client: RawClient;
  const verdictId = newId("verdict");
  beforeEach(async () => {
    platform = await startTestPlatform();
    platform.mail.appendsAtomically = isAtomic;
    client = await (await RawClient.open(platform.port)).greetAndLogin();
    await client.ok("CREATE Junk (USE (\\Junk))");
    await client.ok("CREATE Trash (USE (\\Trash))");
    await client.ok("CREATE Work");
    await platform.deliver(text("one"), { verdictId });
    await platform.deliver(text("two"));
    await client.ok("SELECT INBOX");
  });
  afterEach(async () => {
    client.destroy();
    await platform.close();
  });
  const said = () => platform.mail.marks.map(({ data }) => `${data.mark} by ${data.by}`);

  test("MOVE into Junk says spam, with the verdict that let it in, and names the mail event as its cause", async () => {
    await client.ok("UID MOVE 1:2 Junk");
    assert.deepEqual(said(), ["spam by move", "spam by move"]);
    const [first, second] = platform.mail.marks;
    assert.equal(first?.data.verdictId, verdictId);
    assert.equal(first?.data.messageKey, verdictId);
    assert.equal(second?.data.verdictId, undefined);
    assert.equal(second?.data.messageKey, second?.data.body.sha256, "mail without verdict is known by its body");
    const moved = platform.mail.events.find((event) => event.type === "MessagesMoved");
    assert.equal(first?.metadata.causationId, moved?.id);
    assert.deepEqual(first?.metadata.actor, { type: "mailbox", id: platform.account.mailboxId });
    assert.notEqual(first?.id, second?.id);
  });

  test("MOVE out of Junk says not spam, unless it goes to Trash", async () => {
    await client.ok("MOVE 1:2 Junk");
    await client.ok("SELECT Junk");
    await client.ok("MOVE 1 Work");
    await client.ok("MOVE 1 Trash");
    assert.deepEqual(said().slice(2), ["notSpam by move"]);
    assert.equal(platform.mail.marks[2]?.data.messageKey, verdictId, "the same message under its new UID");
  });

  test("COPY into Junk says spam; COPY out of it says not spam once the original is deleted", async () => {
    await client.ok("COPY 1 Junk");
    assert.deepEqual(said(), ["spam by move"]);
    await client.ok("SELECT Junk");
    await client.ok("COPY 1 Work");
    assert.equal(said().length, 1, "a copy alone is no rescue");
    await client.ok("STORE 1 +FLAGS (\\Deleted)");
    await client.ok("STORE 1 -FLAGS (\\Deleted)");
    await client.ok("STORE 1 FLAGS (\\Deleted)");
    await client.ok("EXPUNGE");
    assert.deepEqual(said().slice(1), ["notSpam by move"], "said once");
  });

  test("deleting what was not copied out of Junk, and other moves, say nothing", async () => {
    await client.ok("MOVE 1 Work");
    await client.ok("STORE 1 +FLAGS (\\Deleted \\Seen)");
    await client.ok("COPY 1 Trash");
    await client.ok("APPEND Junk {4+}\r\na: b");
    await client.ok("APPEND Junk ($Junk) {4+}\r\na: c");
    await client.ok("SELECT Junk");
    await client.ok("STORE 1 +FLAGS (\\Deleted)");
    await client.ok("COPY 1 Junk");
    assert.deepEqual(said(), []);
  });

  test("STORE of a keyword says what it means, in every spelling, once", async () => {
    for (const [flag, mark] of [
      ["$Junk", "spam"],
      ["$NotJunk", "notSpam"],
      ["Junk", "spam"],
      ["NonJunk", "notSpam"],
    ] as const) {
      platform.mail.marks.length = 0;
      await client.ok("STORE 1 FLAGS ()");
      await client.ok(`STORE 1 +FLAGS (${flag})`);
      await client.ok(`STORE 1 FLAGS (${flag} \\Seen)`);
      await client.ok(`STORE 1 +FLAGS.SILENT (${flag})`);
      await client.ok(`STORE 1 -FLAGS (${flag})`);
      assert.deepEqual(said(), [`${mark} by flag`]);
    }
    platform.mail.marks.length = 0;
    await client.ok("STORE 2 +FLAGS ($Junk $NotJunk)");
    assert.deepEqual(said(), [], "both at once say nothing");
  });

  test("a message that another session took away first is not marked", async () => {
    const other = await (await RawClient.open(platform.port)).greetAndLogin();
    try {
      await other.ok("SELECT INBOX");
      await other.ok("MOVE 1 Work");
      await client.command("MOVE 1:2 Junk");
      await client.command("STORE 1 +FLAGS ($Junk)");
      assert.deepEqual(
        platform.mail.marks.map(({ data }) => data.verdictId),
        [undefined],
        "only the one that was still there",
      );
    } finally {
      other.destroy();
    }
  });

  if (isAtomic) {
    test("no mail event is on record without its marks", async () => {
      platform.mail.commits.length = 0;
      await client.ok("MOVE 1 Junk", "COPYUID");
      await client.ok("STORE 1 +FLAGS ($Junk)");
      const both = ["mail", "mark"];
      assert.deepEqual(platform.mail.commits, [both, both]);
    });
  } else {
    test("marks that the log does not take cost the marks, not the command", async () => {
      platform.mail.marksFault = new EventStoreFault("unavailable", "no answer");
      await client.ok("MOVE 1 Junk", "COPYUID");
      await client.ok("STORE 1 +FLAGS ($Junk)");
      assert.deepEqual(platform.errors, []);
      await client.ok("STATUS Junk (MESSAGES)", "MESSAGES 1");
    });
  }

  test("a move of more messages than one event holds marks each of them, an append for each event", async () => {
    for (let n = 0; n < 1_100; n += 1) await platform.deliver(text(String(n)));
    await client.ok("NOOP");
    await client.ok("UID MOVE 1:* Junk");
    assert.equal(platform.mail.marks.length, 1_102);
    assert.equal(new Set(platform.mail.marks.map(({ id }) => id)).size, 1_102);
    assert.equal(new Set(platform.mail.marks.map(({ metadata }) => metadata.causationId)).size, 2);
  });
}
