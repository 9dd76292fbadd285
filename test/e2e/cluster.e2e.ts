import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KurrentDouble, startKurrentDouble } from "../doubles/kurrentdb/kurrent-double.ts";
import { runSwarm, swarmMessage } from "../load/smtp-swarm.ts";
import { messageIdCounts } from "./imap-reader.ts";
import { type Platform, startPlatform, temporaryDir } from "./platform.ts";
import { explained, referenceIn } from "./policy-calls.ts";
import { mutate, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";

describe("the whole platform on a KurrentDB log and a directory of bodies", () => {
  let server: KurrentDouble;
  let platform: Platform;
  let tenant: Tenant;
  const dataDir = temporaryDir("cluster");
  const env = (): Record<string, string> => ({
    MAILFOLD_DEMO: "0",
    MAILFOLD_EVENT_STORE: `kurrentdb://127.0.0.1:${server.port}?tls=false`,
    MAILFOLD_BLOB_STORE: `file://${bodies}`,
  });
  const bodies = temporaryDir("cluster-bodies");

  before(async () => {
    server = await startKurrentDouble();
    platform = await startPlatform({ dataDir, env: env() });
    tenant = await provisionTenant(platform, "cluster", { locals: ["ann", "ben"] });
  });
  after(async () => {
    await platform.stop();
    await server.close();
  });

  test("one message to two mailboxes is accepted once and fanned out to both", { timeout: 60_000 }, async () => {
    const message = "From: x@sender.example\nMessage-ID: <both@sender.example>\nSubject: both\n\nhello\n";
    const to = tenant.mailboxes.map((mailbox) => mailbox.address);
    const { final } = await sendLetter({ port: platform.ports.smtp }, { from: "x@sender.example", to, message });
    assert.equal(final.code, 250, final.text);
    for (const mailbox of tenant.mailboxes) await untilCount(platform, mailbox, "<both@sender.example>", 1);
  });

  test("an admin change takes effect, and a refusal is explained", { timeout: 60_000 }, async () => {
    await mutate(platform, "senderEntryAdd", "entry { id }", {
      scope: { tenantId: tenant.id },
      list: "KILL",
      pattern: "@spam.example",
    });
    const [mailbox] = tenant.mailboxes;
    assert.ok(mailbox);
    const { final } = await sendLetter(
      { port: platform.ports.smtp },
      { from: "x@spam.example", to: [mailbox.address] },
    );
    assert.equal(final.code, 550, final.text);
    assert.equal((await explained(platform, referenceIn(final))).reason, "kill-listed");
  });

  test("kill -9 of the platform under load: every 250 is in its mailbox exactly once", {
    timeout: 120_000,
  }, async (t) => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      let stopped = false;
      let made = 0;
      const flow = runSwarm({
        port: platform.ports.smtp,
        connections: 10,
        sender: "s@sender.example",
        reconnect: true,
        stopped: () => stopped,
        next() {
          made += 1;
          return swarmMessage(`k${round}.${made}`, tenant.mailboxes[made % 2]?.address ?? "", 2_000);
        },
        onResult: (id, result) => void (result === "acknowledged" && acknowledged.push(id)),
      });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await platform.stop("SIGKILL");
      stopped = true;
      await flow;
      platform = await startPlatform({ dataDir, env: env() });
    }
    t.diagnostic(`${acknowledged.length} acknowledged`);
    assert.ok(acknowledged.length > 20);
    const deadline = Date.now() + 30_000;
    for (;;) {
      const counts = new Map<string, number>();
      for (const mailbox of tenant.mailboxes)
        for (const [id, count] of await messageIdCounts(platform.ports.imap, mailbox))
          counts.set(id, (counts.get(id) ?? 0) + count);
      const wrong = acknowledged.filter((id) => counts.get(`<${id}@swarm.example>`) !== 1);
      if (wrong.length === 0) break;
      assert.ok(Date.now() < deadline, `not exactly once: ${wrong.slice(0, 5).join(", ")}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  });
});

async function untilCount(
  platform: Platform,
  mailbox: Tenant["mailboxes"][number],
  id: string,
  wanted: number,
): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const count = (await messageIdCounts(platform.ports.imap, mailbox)).get(id) ?? 0;
    if (count === wanted) return;
    assert.ok(Date.now() < deadline, `${id} is ${count} times in ${mailbox.address}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
