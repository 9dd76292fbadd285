import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { emptyPolicy } from "@mailfold/policy";
import { startSmtp } from "./index.ts";
import { host } from "./smtp-test-world.ts";
import { type FakeDeps, fakeDeps, ids } from "./testing/fake-deps.ts";
import { SmtpClient } from "./testing/smtp-client.ts";

const message = "From: x@ext.test\r\n\r\nx\r\n.\r\n";

/** Runs a client against a server of that name with the real policy; `postmaster` is an address of alice, if any. */
async function at(
  hostname: string,
  postmaster: string | undefined,
  run: (client: SmtpClient, deps: FakeDeps) => Promise<void>,
): Promise<void> {
  const policy = emptyPolicy();
  const base = await fakeDeps();
  const { directory } = base;
  const resolve = (address: string) => directory.resolve(address === postmaster ? "alice@a.test" : address);
  const deps = await fakeDeps({
    policy: { current: () => policy, ready: () => true },
    directory: Object.assign(Object.create(directory), { resolve }),
  });
  const smtp = await startSmtp(deps, {
    ...host,
    hostname,
    ports: { mx: 0, submission: undefined, submissions: undefined },
  });
  const client = await SmtpClient.greeted(smtp.ports.mx!);
  await run(client, deps);
  client.close();
  await smtp.close();
}

describe("RCPT TO:<postmaster> without a domain (RFC 5321 4.5.1)", () => {
  for (const hostname of ["a.test", "A.test", "mx.a.test", "eu.mx.a.test"]) {
    test(`${hostname}: the postmaster of the hosted domain gets it, in any case of letters`, async () => {
      await at(hostname, "postmaster@a.test", async (client, deps) => {
        assert.match((await client.deliver(["PostMaster"], message)).at(-1)!, /^250 /);
        assert.equal(deps.fakeJournal.of("MessageDelivered")[0]?.stream, `mail-${ids.alice}`);
      });
    });
  }

  test("a hosted domain without one: no such mailbox, told to its tenant", async () => {
    await at("mx.a.test", undefined, async (client, deps) => {
      await client.ask("MAIL FROM:<x@ext.test>");
      assert.match(await client.ask("RCPT TO:<postmaster>"), /^550 5\.1\.1 .*\(ref vrd_/);
      assert.equal(deps.fakeJournal.of("VerdictRecorded")[0]?.metadata.tenantId, ids.tenantA);
    });
  });

  test("a host in nobody's domain: no such mailbox, not an attempt to relay", async () => {
    await at("mx.platform.test", undefined, async (client, deps) => {
      await client.ask("MAIL FROM:<x@ext.test>");
      assert.match(await client.ask("RCPT TO:<POSTMASTER>"), /^550 5\.1\.1 .*\(ref vrd_/);
      const data = deps.fakeJournal.of("VerdictRecorded")[0]?.data as { readonly reason: string };
      assert.equal(data.reason, "recipient-unknown");
      assert.match(await client.ask("RCPT TO:<postmaster@mx.platform.test>"), /^550 5\.7\.1 /);
    });
  });
});
