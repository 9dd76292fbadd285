import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connectFeed } from "../e2e/feed-connection.ts";
import { openImap } from "../e2e/imap-reader.ts";
import { platformEnv, repository, startPlatform, temporaryDir } from "../e2e/platform.ts";
import { openDialogue } from "../e2e/smtp-dialogue.ts";

const program = join(repository, "apps/mailfold/bin/mailfold.js");

describe("how the process ends", () => {
  test("SIGTERM with IDLE, a feed client, an idle SMTP peer and a half-sent mail: 421, goaway, exit 0 within 10 s", async () => {
    const platform = await startPlatform();
    const password = /alice@demo\.test\s+(\S+)/.exec(platform.stdout())?.[1] ?? "";
    const imap = await openImap(platform.ports.imap, { address: "alice@demo.test", password });
    await imap.mailboxOpen("INBOX");
    void imap.idle().catch(() => undefined);
    const feed = await connectFeed(platform.ports.http);
    feed.send({ type: "hello", token: platform.token });
    await feed.until(() => feed.of("welcome")[0]);
    feed.send({ type: "subscribe", id: "all", from: "now", where: {}, window: 10 });
    await feed.until(() => feed.of("caughtUp")[0]);
    const idle = await openDialogue({ port: platform.ports.smtp });
    await idle.reply();
    const sending = await openDialogue({ port: platform.ports.smtp });
    await sending.reply();
    for (const line of ["EHLO x.example", "MAIL FROM:<x@sender.example>", "RCPT TO:<alice@demo.test>"]) {
      assert.equal((await sending.command(line)).code, 250);
    }
    assert.equal((await sending.command("DATA")).code, 354);
    sending.raw("Subject: half\r\n\r\nnever ended");

    const from = performance.now();
    const exited = platform.stop();
    assert.equal((await idle.reply()).code, 421);
    assert.equal(await exited, 0);
    assert.ok(performance.now() - from < 10_000, `${performance.now() - from} ms`);
    assert.equal(feed.messages.at(-1)?.type, "goaway");
    assert.ok(!existsSync(join(platform.dataDir, "run.json")));
    assert.equal(platform.stderr(), "");
    for (const dialogue of [idle, sending]) dialogue.close();
    imap.close();
  });

  test("SIGTERM while it still starts: exit 0, and the next start is whole", async () => {
    const dataDir = temporaryDir("early");
    const child = spawn(process.execPath, [program, "serve"], { env: platformEnv(dataDir), stdio: "ignore" });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    while (!existsSync(join(dataDir, "lock.db"))) await delay(5);
    child.kill("SIGTERM");
    assert.equal(await exited, 0);
    const platform = await startPlatform({ dataDir });
    assert.match(platform.stdout(), /alice@demo\.test/, "the demo was still to be made");
    assert.equal(await platform.stop(), 0);
  });

  test("an uncaught exception: one JSON line that says so, exit 1", async () => {
    const bug = 'process.on("SIGUSR2", () => { throw new Error("a bug for this test"); })';
    const platform = await startPlatform({
      env: { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(bug)}` },
    });
    assert.equal(await platform.stop("SIGUSR2"), 1);
    const lines = platform.stderr().trim().split("\n");
    const said = lines.map((line) => JSON.parse(line) as { level: string; err: { message: string } });
    assert.deepEqual(
      said.map(({ level, err }) => [level, err.message]),
      [["fatal", "a bug for this test"]],
    );
  });
});
