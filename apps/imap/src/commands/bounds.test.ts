import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { RawClient } from "../testing/raw-client.ts";
import { startTestPlatform, type TestPlatform } from "../testing/test-platform.ts";

describe("what one command may cost", () => {
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

  test("commands over 1,000 messages are split, and replies add up", async () => {
    for (let n = 0; n < 1_001; n++) await platform.deliver("Subject: x\r\n\r\nx");
    await ok("SELECT INBOX");
    await ok("CREATE Big");
    const eventsBefore = platform.mail.events.length;
    await ok("COPY 1:* Big", "[COPYUID 2 1:1001 1:1001]");
    assert.equal(platform.mail.events.length - eventsBefore, 2);
  });

  test("keywords of a folder are bounded, whichever way they come", async () => {
    const words = (from: number) => Array.from({ length: 60 }, (_, n) => `k${from + n}`).join(" ");
    for (let n = 0; n < 8; n++) await ok(`APPEND INBOX (${words(n * 60)}) {1+}\r\nx`);
    await fails(`APPEND INBOX (${words(480)}) {1+}\r\nx`, /NO \[LIMIT\]/);
    await ok("CREATE More");
    await ok(`APPEND More (${words(480)}) {1+}\r\nx`);
    await ok("SELECT More");
    await fails(`STORE 1 +FLAGS (${words(1_000)} ${words(2_000)} x)`, /BAD/);
    await fails("COPY 1 INBOX", /NO \[LIMIT\]/);
    await fails("UID MOVE 1 INBOX", /NO \[LIMIT\]/);
    await ok("STATUS More (MESSAGES)", "MESSAGES 1");
  });

  test("large messages are indexed and searched one by one, by many sessions", async () => {
    for (const word of ["alpha", "beta"])
      await platform.deliver(`Subject: ${word}\r\n\r\n${"x".repeat(70)}\r\n${"pad ".repeat(400_000)}${word}`);
    const others = await Promise.all(
      Array.from({ length: 6 }, async () => (await RawClient.open(platform.port)).greetAndLogin()),
    );
    for (const each of [client, ...others]) await each.command("SELECT INBOX");
    const found = await Promise.all(others.map((each) => each.command("SEARCH BODY beta")));
    for (const reply of found) assert.match(reply, /^\* SEARCH 2\r/m);
    const fetched = await Promise.all(others.map((each) => each.command("FETCH 1:2 (ENVELOPE BODY)")));
    for (const reply of fetched) assert.match(reply, /"beta"[\s\S]*OK FETCH/);
    for (const other of others) other.destroy();
  });

  test("a message costs bounded memory, however much is asked of it at once", async () => {
    await platform.deliver(`X-Big: ${"y".repeat(1_000_000)}\r\n\r\nx`);
    await ok("SELECT INBOX");
    const items = (count: number) => Array.from({ length: count }, (_, n) => `BODY.PEEK[HEADER.FIELDS (X-Big X${n})]`);
    await ok(`FETCH 1 (${items(2).join(" ")})`, "BODY[HEADER.FIELDS (X-Big X1)] {1000011}");
    await fails(`FETCH 1 (${items(30).join(" ")})`, /NO \[LIMIT\]/);
  });
});
