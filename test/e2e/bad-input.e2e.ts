import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { messageIdCounts } from "./imap-reader.ts";
import { type Platform, platformEnv, runMailfold, startPlatform, temporaryDir } from "./platform.ts";
import { sendLetter } from "./smtp-dialogue.ts";

/** Runs `serve` that must not start; answers its exit code and its one line. */
async function refusedStart(
  dataDir: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; line: string }> {
  const { code, stderr, stdout } = await runMailfold(["serve"], platformEnv(dataDir, env));
  const lines = stderr.trim().split("\n");
  assert.equal(lines.length, 1, `one line, not: ${stderr}`);
  assert.equal(stdout, "");
  return { code, line: lines[0] ?? "" };
}

const demo = { address: "alice@demo.test" };
function demoLogin(platform: Platform): { id: string; address: string; password: string } {
  const password = /alice@demo\.test\s+(\S+)/.exec(platform.stdout())?.[1] ?? "";
  return { id: "", address: demo.address, password };
}
async function deliver(platform: Platform, name: string): Promise<void> {
  const message = `From: x@sender.example\nMessage-ID: <${name}@sender.example>\nSubject: x\n\nx\n`;
  const { final } = await sendLetter(
    { port: platform.ports.smtp },
    { from: "x@sender.example", to: [demo.address], message },
  );
  assert.equal(final.code, 250, final.text);
}

describe("bad input says one clear line, exits, and loses nothing", () => {
  const mounts: string[] = [];
  after(() => {
    for (const mount of mounts) execFileSync("umount", ["-l", mount]);
  });
  function mountTmpfs(options: string): string {
    const dir = temporaryDir("mount");
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", dir]);
    mounts.push(dir);
    return dir;
  }

  test("a wrong variable: exit 2, before anything is opened", async () => {
    const dataDir = join(temporaryDir("bad"), "never-made");
    const { code, line } = await refusedStart(dataDir, { MAILFOLD_SMTP_PORT: "abc" });
    assert.equal(code, 2);
    assert.match(line, /MAILFOLD_SMTP_PORT.*0 to 65535/);
    assert.throws(() => statSync(dataDir), /ENOENT/);
  });

  test("a wrong command, option or argument: exit 2", async () => {
    for (const line of [
      "sevre",
      "serve --smtp-prt 1",
      "explain",
      "policy set",
      "policy set --scope platform sizeLimitBytes",
      "mailbox create --tenant-id ten_1 --address a@b.test --quota-bytes 10GB",
    ]) {
      const { code, stderr } = await runMailfold(line.split(" "), platformEnv(temporaryDir("usage")));
      assert.equal(code, 2, `${line}: ${stderr}`);
      assert.notEqual(stderr, "", line);
    }
  });

  test("a busy port: exit 1, naming it", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { code, line } = await refusedStart(temporaryDir("busy"), { MAILFOLD_IMAP_PORT: String(port) });
    server.close();
    assert.equal(code, 1);
    assert.match(line, new RegExp(`${port}`));
    assert.match(line, /MAILFOLD_IMAP_PORT/);
  });

  test("a second instance on the same data: exit 1, the first goes on", async () => {
    const platform = await startPlatform();
    const { code, line } = await refusedStart(platform.dataDir);
    assert.equal(code, 1);
    assert.match(line, /already|in use|another/i);
    await deliver(platform, "after-second");
    assert.equal(await platform.stop(), 0);
  });

  test("a read-only data directory: exit 1, naming it", async () => {
    const dir = mountTmpfs("ro,size=1m");
    const { code, line } = await refusedStart(dir);
    assert.equal(code, 1);
    assert.ok(line.includes(dir), line);
    assert.match(line, /read-only|not writable|EROFS/i);
  });

  test("a data directory that is a file: exit 1", async () => {
    const path = join(temporaryDir("file"), "data");
    writeFileSync(path, "x");
    const { code, line } = await refusedStart(path);
    assert.equal(code, 1);
    assert.match(line, /not a directory|ENOTDIR|EEXIST/i);
  });

  test("a full disk: mail is answered 4xx, nothing acknowledged is lost, and it recovers", async () => {
    const dir = mountTmpfs("size=24m");
    const dataDir = join(dir, "data");
    mkdirSync(dataDir, { mode: 0o700 });
    const platform = await startPlatform({ dataDir });
    const login = demoLogin(platform);
    await deliver(platform, "before-full");
    const filler = openSync(join(dir, "filler"), "w");
    try {
      for (;;) writeSync(filler, Buffer.alloc(65_536));
    } catch {
      // Full now.
    }
    const big = `From: x@sender.example\nMessage-ID: <full@sender.example>\n\n${"x".repeat(70)}\n`.padEnd(
      2_000_000,
      "padding line of text, again and again\n",
    );
    const { final } = await sendLetter(
      { port: platform.ports.smtp },
      { from: "x@sender.example", to: [demo.address], message: big },
    );
    assert.ok(final.code >= 400 && final.code < 500, `${final.code} ${final.text}`);
    closeSync(filler);
    truncateSync(join(dir, "filler"), 0);
    const deadline = Date.now() + 20_000;
    for (;;) {
      const again = await sendLetter(
        { port: platform.ports.smtp },
        {
          from: "x@sender.example",
          to: [demo.address],
          message: "From: x@sender.example\nMessage-ID: <after-full@sender.example>\n\nx\n",
        },
      );
      if (again.final.code === 250) break;
      assert.ok(Date.now() < deadline, `still ${again.final.code} ${again.final.text}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    assert.equal(await platform.stop(), 0);
    const restarted = await startPlatform({ dataDir });
    const counts = await messageIdCounts(restarted.ports.imap, login);
    assert.deepEqual(
      [
        counts.get("<before-full@sender.example>"),
        counts.get("<full@sender.example>"),
        counts.get("<after-full@sender.example>"),
      ],
      [1, undefined, 1],
    );
    assert.equal(await restarted.stop(), 0);
  });

  for (const [what, damage] of [
    ["overwritten in the middle", (file: string, size: number) => overwrite(file, Math.floor(size / 2), 8_192)],
    ["truncated", (file: string, size: number) => truncateSync(file, Math.floor(size / 2))],
    [
      "not a database",
      (file: string) => writeFileSync(file, "this is not a database, it is a text file\n".repeat(500)),
    ],
  ] as const) {
    test(`a corrupt log (${what}): exit 1, naming the file and what to do`, async () => {
      const dataDir = temporaryDir("corrupt");
      const platform = await startPlatform({ dataDir });
      for (let index = 0; index < 20; index += 1) await deliver(platform, `m${index}`);
      assert.equal(await platform.stop(), 0);
      // A start empties the write-ahead log into the file, so that the damage hits the only copy.
      assert.equal(await (await startPlatform({ dataDir })).stop(), 0);
      const file = join(dataDir, "log.db");
      damage(file, statSync(file).size);
      const { code, line } = await refusedStart(dataDir);
      assert.equal(code, 1);
      assert.ok(line.includes("log.db"), line);
      assert.match(line, /restore|backup/i);
    });
  }
});

function overwrite(file: string, at: number, length: number): void {
  const handle = openSync(file, "r+");
  writeSync(handle, Buffer.alloc(length, 0xa5), 0, length, at);
  closeSync(handle);
}
