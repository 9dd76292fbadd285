import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { platformEnv, repository, runMailfold, startPlatform, temporaryDir } from "./platform.ts";

const run = promisify(execFile);

/** The lines that the first start prints for trying it out. */
function printedCommands(stdout: string): readonly string[] {
  return stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("curl "));
}

describe("first start", () => {
  test("is ready in less than 5 s; the three printed lines work as printed; the second start keeps everything", async (t) => {
    const dataDir = temporaryDir("first");
    const first = await startPlatform({ dataDir });
    t.diagnostic(`ready after ${first.readyMs} ms`);
    assert.ok(first.readyMs < 5_000, `${first.readyMs} ms`);
    const commands = printedCommands(first.stdout());
    assert.equal(commands.length, 3, first.stdout());
    const outputs: string[] = [];
    for (const command of commands)
      outputs.push((await run("bash", ["-c", command], { cwd: repository, timeout: 20_000 })).stdout);
    assert.match(outputs[1] ?? "", /event-sourced/i, "the README arrived in alice's INBOX");
    assert.match(outputs[2] ?? "", /"name":"demo"/);

    assert.equal(statSync(dataDir).mode & 0o777, 0o700);
    assert.equal(statSync(join(dataDir, "admin-token")).mode & 0o777, 0o600);
    assert.ok(
      !first.stderr().includes(first.token) && !first.stdout().includes(first.token),
      "the operator's token is printed",
    );
    const before = await first.graphql(
      "{ tenants(first: 10) { nodes { id name } } resellers(first: 10) { nodes { id } } }",
    );
    assert.equal(await first.stop(), 0);

    const second = await startPlatform({ dataDir });
    assert.equal(second.token, first.token);
    assert.deepEqual(
      await second.graphql("{ tenants(first: 10) { nodes { id name } } resellers(first: 10) { nodes { id } } }"),
      before,
    );
    assert.deepEqual(printedCommands(second.stdout()), [], "credentials are printed once");
    const again = commands[1]?.replace(/imap:\/\/127\.0\.0\.1:\d+/, `imap://127.0.0.1:${second.ports.imap}`) ?? "";
    assert.match((await run("bash", ["-c", again], { timeout: 20_000 })).stdout, /event-sourced/i);
    const status = await runMailfold(["status", "--json"], platformEnv(dataDir));
    assert.equal(status.code, 0, status.stderr);
    assert.deepEqual((JSON.parse(status.stdout) as { ports: unknown }).ports, second.ports);
    assert.equal(await second.stop(), 0);
    const stopped = await runMailfold(["status", "--json"], platformEnv(dataDir));
    assert.equal(stopped.code, 1);
  });

  test("SIGTERM exits 0 within 10 s while a client is in the middle of DATA", async () => {
    const platform = await startPlatform();
    const { openDialogue } = await import("./smtp-dialogue.ts");
    const dialogue = await openDialogue({ port: platform.ports.smtp });
    await dialogue.reply();
    for (const line of ["EHLO c.example", "MAIL FROM:<x@sender.example>", "RCPT TO:<alice@demo.test>", "DATA"])
      await dialogue.command(line);
    dialogue.raw("Subject: never finished\r\n");
    const startedAt = performance.now();
    assert.equal(await platform.stop(), 0);
    assert.ok(performance.now() - startedAt < 10_000);
    dialogue.close();
  });

  test("the systemd unit verifies", async () => {
    const dir = temporaryDir("systemd");
    symlinkSync(process.execPath, join(dir, "node"));
    const unit = readFileSync(join(repository, "deploy/systemd/mailfold.service"), "utf8");
    // The paths of an installed machine do not exist here; everything else is verified as it is.
    const here = unit
      .replaceAll("/opt/mailfold/node_modules/.bin/node", join(dir, "node"))
      .replaceAll("/opt/mailfold", repository.replace(/\/$/, ""));
    writeFileSync(join(dir, "mailfold.service"), here);
    const { stdout, stderr } = await run("systemd-analyze", ["verify", join(dir, "mailfold.service")]);
    assert.equal(`${stdout}${stderr}`.trim(), "");
    rmSync(dir, { recursive: true });
  });
});
