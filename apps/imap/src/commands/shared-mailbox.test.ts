import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { RawClient } from "../testing/raw-client.ts";
import { startTestPlatform, type TestPlatform } from "../testing/test-platform.ts";

describe("sessions on one mailbox", () => {
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
  const ok = (command: string, ...expected: readonly (string | RegExp)[]) => client.ok(command, ...expected);
  const fails = (command: string, status: RegExp) => client.fails(command, status);

  test("what other sessions do is told: EXPUNGE never within FETCH, STORE, SEARCH", async () => {
    for (let n = 0; n < 3; n++) await platform.deliver(`Subject: ${n}\r\n\r\nx`);
    await ok("SELECT INBOX");
    const other = await (await RawClient.open(platform.port)).greetAndLogin();
    await other.command("SELECT INBOX");
    await other.command("STORE 2 +FLAGS (\\Deleted)");
    await other.command("EXPUNGE");
    await platform.deliver("Subject: new\r\n\r\nx");
    const fetched = await client.command("FETCH 1:3 (UID)");
    assert.doesNotMatch(fetched, /EXPUNGE\r/);
    assert.match(fetched, /\* 4 EXISTS/);
    assert.match(fetched, /\* 3 FETCH \(UID 3\)[\s\S]*NO \[EXPUNGEISSUED\]/);
    await ok("NOOP", "* 2 EXPUNGE");
    await ok("FETCH 3 UID", "* 3 FETCH (UID 4)");
    await other.command("STORE 1 +FLAGS ($New)");
    await ok("NOOP", "* FLAGS (", "* 1 FETCH (UID 1 FLAGS (\\Recent $New))");
    other.destroy();
  });

  test("messages that others removed: UID commands pass them over, a COPY by number copies nothing", async () => {
    for (let n = 0; n < 4; n++) await platform.deliver(`Subject: ${n}\r\n\r\nx`);
    await ok("CREATE Other");
    await ok("SELECT INBOX");
    const other = await (await RawClient.open(platform.port)).greetAndLogin();
    await other.command("SELECT INBOX");
    await other.command("STORE 2 +FLAGS (\\Deleted)");
    await other.command("EXPUNGE");
    other.destroy();
    // RFC 3501 section 6.4.8: "a non-existent unique identifier is ignored without any error message".
    await ok("UID FETCH 1:2 (FLAGS)", "* 1 FETCH (UID 1");
    await ok("UID STORE 1:2 +FLAGS (\\Seen)", "* 1 FETCH (UID 1");
    await fails("STORE 1:2 +FLAGS (\\Flagged)", /NO \[EXPUNGEISSUED\]/);
    assert.match(await client.command("COPY 1:3 Other"), /NO \[EXPUNGEISSUED\]/);
    await ok("STATUS Other (MESSAGES)", "MESSAGES 0");
    await ok("UID COPY 1:3 Other", "[COPYUID 2 1,3 1:2]");
    await ok("UID MOVE 2 Other");
  });

  test("what nobody was told of is \\Recent, from the first session on", async () => {
    await platform.deliver("Subject: a\r\n\r\nx");
    await ok("STATUS INBOX (RECENT)", "RECENT 1");
    await ok("EXAMINE INBOX", "* 1 RECENT");
    await ok("SELECT INBOX", "* 1 RECENT");
    await ok("STATUS INBOX (RECENT)", "RECENT 0");
    await ok("CREATE Old");
    await ok("APPEND Old (\\Seen) {1+}\r\nx");
    await ok("APPEND Old {1+}\r\nx");
    // Somebody read the first one, so only what came after it may be news.
    await ok("SELECT Old", "* 1 RECENT");
    await ok("FETCH 1:2 FLAGS", "* 1 FETCH (FLAGS (\\Seen))", "* 2 FETCH (FLAGS (\\Recent))");
  });

  test("IDLE pushes within a second; DONE ends it; \\Recent belongs to one session", async () => {
    await ok("SELECT INBOX");
    client.send("i IDLE\r\n");
    await client.until(/^\+ idling\r\n/m);
    const started = performance.now();
    await platform.deliver("Subject: x\r\n\r\nx");
    assert.match(await client.until(/RECENT\r\n/), /\* 1 EXISTS\r\n\* 1 RECENT/);
    assert.ok(performance.now() - started < 1_000);
    client.send("DONE\r\n");
    await client.until(/^i OK .*\r\n/m);
    const other = await (await RawClient.open(platform.port)).greetAndLogin();
    assert.match(await other.command("SELECT INBOX"), /\* 0 RECENT/);
    other.destroy();
    client.send("j IDLE\r\nNOOP\r\n");
    await client.until(/^j BAD .*\r\n/m);
  });
});
