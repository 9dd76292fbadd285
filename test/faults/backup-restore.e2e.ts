import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createMbsync, type Mbsync } from "../e2e/mbsync.ts";
import { type Platform, platformEnv, runMailfold, startPlatform, temporaryDir } from "../e2e/platform.ts";
import { type MailboxLogin, provisionTenant } from "../e2e/provision.ts";
import { sendLetter } from "../e2e/smtp-dialogue.ts";
import { runSwarm, swarmMessage } from "../load/smtp-swarm.ts";

async function deliverTen(platform: Platform, login: MailboxLogin, batch: string): Promise<void> {
  for (let index = 0; index < 10; index += 1) {
    const message = `From: x@sender.example\nMessage-ID: <${batch}-${index}@swarm.example>\nSubject: ${batch}\n\n${batch} ${index}\n`;
    const { final } = await sendLetter(
      { port: platform.ports.smtp },
      { from: "x@sender.example", to: [login.address], message },
    );
    assert.equal(final.code, 250, final.text);
  }
}

function idsIn(mbsync: Mbsync): readonly string[] {
  return mbsync.messages().map((text) => /^Message-ID: <(.*)@swarm\.example>$/m.exec(text)?.[1] ?? "?");
}

test("backup while mail flows, ten more, restore, ten others: mbsync ends with exactly the truth", {
  timeout: 200_000,
}, async (t) => {
  const platform = await startPlatform();
  const { dataDir } = platform;
  const env = platformEnv(dataDir);
  const tenant = await provisionTenant(platform, "backup", { locals: ["user"] });
  const [login] = tenant.mailboxes;
  assert.ok(login);
  const mbsync = createMbsync(platform.ports.imap, login, join(dataDir, "tls/tls-cert.pem"));

  // Mail flows all through the backup; a 200 KB body every so often takes the road of larger bodies.
  const acknowledgedAt = new Map<string, number>();
  let stopped = false;
  let made = 0;
  const flow = runSwarm({
    port: platform.ports.smtp,
    connections: 5,
    sender: "swarm@sender.example",
    reconnect: true,
    stopped: () => stopped,
    next() {
      made += 1;
      return swarmMessage(`flow-${made}`, login.address, made % 50 === 0 ? 200_000 : 3_000);
    },
    onResult: (id, result) => void (result === "acknowledged" && acknowledgedAt.set(id, performance.now())),
  });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const target = join(temporaryDir("backups"), "first");
  const beganAt = performance.now();
  const backup = await runMailfold(["backup", target, "--json"], env);
  const endedAt = performance.now();
  assert.equal(backup.code, 0, backup.stderr);
  await new Promise((resolve) => setTimeout(resolve, 500));
  stopped = true;
  await flow;
  const before = [...acknowledgedAt].filter(([, at]) => at < beganAt).map(([id]) => id);
  const after = [...acknowledgedAt].filter(([, at]) => at > endedAt).map(([id]) => id);
  assert.ok(before.length > 50 && after.length > 5, `mail flowed: ${before.length} before, ${after.length} after`);

  await deliverTen(platform, login, "lost");
  await mbsync.pull();
  const uidValidity = await uidValidityOf(platform, login);
  const epochBefore = await headOf(platform);
  const running = await runMailfold(["restore", target, "--yes"], env);
  assert.equal(running.code, 1, "a running platform is not restored over");
  assert.equal(await platform.stop(), 0);
  const files = readdirSync(target).sort();
  const checked = await runMailfold(["--data-dir", target, "verify"], env);
  assert.equal(checked.code, 0, checked.stderr);
  assert.deepEqual(readdirSync(target).sort(), files, "a backup is read, not written to");
  // What a restore is for: the keys that are there no longer open anything.
  writeFileSync(join(dataDir, "keys/root.json"), "damaged");
  const unasked = await runMailfold(["restore", target], env);
  assert.equal(unasked.code, 2);
  const restored = await runMailfold(["restore", target, "--yes", "--json"], env);
  assert.equal(restored.code, 0, restored.stderr);
  assert.ok(
    existsSync((JSON.parse(restored.stdout) as { replaced: string }).replaced),
    "the data that was there is set aside, not deleted",
  );

  const again = await startPlatform({ dataDir, env: { MAILFOLD_IMAP_PORT: String(platform.ports.imap) } });
  await deliverTen(again, login, "kept");
  assert.ok((await uidValidityOf(again, login)) > uidValidity, "UIDVALIDITY grew");
  const cursor = await again.graphqlRaw(`{ auditEvents(first: 1, after: "${epochBefore}") { nodes { id } } }`);
  assert.match(JSON.stringify(cursor.body), /CURSOR_OTHER_LOG/);

  // mbsync has the lost ten under numbers that the kept ten now carry: it must notice, not mix them.
  const stale = await mbsync.pull().then(
    () => "recovered",
    (error: Error) => error.message,
  );
  t.diagnostic(`mbsync with the old state: ${stale.slice(-120).trim()}`);
  assert.match(stale, /recovered|UIDVALIDITY/i);
  mbsync.startOver();
  await mbsync.pull();
  const ids = idsIn(mbsync);
  assert.equal(new Set(ids).size, ids.length, "nothing twice");
  const have = new Set(ids);
  assert.deepEqual(
    before.filter((id) => !have.has(id)),
    [],
    "acknowledged before the backup, missing",
  );
  assert.deepEqual(
    after.filter((id) => have.has(id)),
    [],
    "acknowledged after the backup, still there",
  );
  const ten = (batch: string) => Array.from({ length: 10 }, (_, index) => `${batch}-${index}`);
  assert.deepEqual(
    ten("lost").filter((id) => have.has(id)),
    [],
  );
  assert.deepEqual(
    ten("kept").filter((id) => !have.has(id)),
    [],
  );
  const verdicts = await again.graphql<{ tenant: { name: string } }>(`{ tenant(by: {id: "${tenant.id}"}) { name } }`);
  assert.equal(verdicts.tenant.name, "backup");
  assert.equal(await again.stop(), 0);
  const verified = await runMailfold(["verify"], env);
  assert.equal(verified.code, 0, verified.stderr);
});

async function uidValidityOf(platform: Platform, login: MailboxLogin): Promise<bigint> {
  const { openImap } = await import("../e2e/imap-reader.ts");
  const client = await openImap(platform.ports.imap, login);
  const status = await client.status("INBOX", { uidValidity: true });
  await client.logout();
  return status === false ? 0n : (status.uidValidity ?? 0n);
}

async function headOf(platform: Platform): Promise<string> {
  const data = await platform.graphql<{ auditEvents: { nodes: { position: string }[] } }>(
    "{ auditEvents(first: 100) { nodes { position } } }",
  );
  return data.auditEvents.nodes.at(-1)?.position ?? "";
}
