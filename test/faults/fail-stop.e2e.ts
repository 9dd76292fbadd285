import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { messageIdCounts } from "../e2e/imap-reader.ts";
import { type Platform, startPlatform, temporaryDir } from "../e2e/platform.ts";
import { sendLetter } from "../e2e/smtp-dialogue.ts";

const address = "alice@demo.test";

function send(platform: Platform, name: string) {
  const message = `From: x@sender.example\nMessage-ID: <${name}@sender.example>\nSubject: x\n\n${"x".repeat(2_000)}\n`;
  return sendLetter({ port: platform.ports.smtp }, { from: "x@sender.example", to: [address], message });
}

/** Ends with the exit code; the process must end by itself. */
function untilExit(platform: Platform, withinMs: number): Promise<number | null> {
  const { process: child } = platform;
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the process lives on")), withinMs);
    child.once("exit", (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

test("a write that the disk refuses: 451, then the whole process stops; what was acknowledged is there after a start", async () => {
  const dataDir = temporaryDir("failstop");
  const platform = await startPlatform({ dataDir });
  const password = /alice@demo\.test\s+(\S+)/.exec(platform.stdout())?.[1] ?? "";
  assert.equal((await send(platform, "before")).final.code, 250);
  // EFBIG on every further write: an input/output error to SQLite, as a dying disk would give.
  execFileSync("prlimit", ["--pid", String(platform.process.pid), "--fsize=4096:4096"]);
  const { final } = await send(platform, "lost");
  assert.equal(final.code, 451, final.text);
  assert.equal(await untilExit(platform, 10_000), 1);
  const lines = platform.stderr().trim().split("\n");
  const fatal = lines
    .map((line) => JSON.parse(line) as { level: string; msg: string })
    .find((line) => line.level === "fatal");
  assert.ok(fatal !== undefined, `one fatal JSON line, not: ${platform.stderr()}`);

  const again = await startPlatform({ dataDir });
  try {
    assert.equal((await send(again, "after")).final.code, 250);
    const counts = await messageIdCounts(again.ports.imap, { id: "", address, password });
    assert.equal(counts.get("<before@sender.example>"), 1);
    assert.equal(counts.get("<after@sender.example>"), 1);
  } finally {
    await again.stop();
  }
});
