import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openSession } from "./open-session.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { everywhere, setPolicy } from "./policy-calls.ts";
import { mutate, provisionTenant, type Tenant } from "./provision.ts";

let platform: Platform;
let acme: Tenant;
before(async () => {
  platform = await startPlatform({ env: { MAILFOLD_DEMO: "0" } });
  acme = await provisionTenant(platform, "acme");
});
after(async () => {
  await platform?.stop();
});
const open = (ip?: string) =>
  openSession({ port: platform.ports.smtp, ...(ip === undefined ? {} : { proxyFrom: ip }) });
const listener = (set: Record<string, unknown>) => setPolicy(platform, everywhere, set);

describe("VRFY, EXPN, banner", () => {
  const answers = async (...commands: readonly string[]) => {
    const { dialogue } = await open("192.0.2.1");
    const replies: string[] = [];
    for (const command of commands) {
      const { code, text } = await dialogue.command(command);
      replies.push(`${code} ${text}`);
    }
    dialogue.close();
    return replies;
  };

  test("tell nothing by default", async () => {
    const [known, unknown, expn] = await answers("VRFY user@acme.test", "VRFY nobody@acme.test", "EXPN all@acme.test");
    assert.match(known ?? "", /^252 /);
    assert.equal(known, unknown, "who exists cannot be told from the answer");
    assert.match(expn ?? "", /^502 /);
  });

  test("502, and the truth about own addresses where `local` is set", async () => {
    await listener({ vrfy: 502, expn: 252 });
    const [vrfy, expn] = await answers("VRFY user@acme.test", "EXPN user@acme.test");
    assert.match(vrfy ?? "", /^502 /);
    assert.match(expn ?? "", /^252 /);
    const targets = acme.mailboxes.map((mailbox) => mailbox.id);
    await mutate(platform, "aliasAdd", "alias { id }", { tenantId: acme.id, address: "all@acme.test", targets });
    await listener({ vrfy: "local", expn: "local" });
    const told = await answers(
      "VRFY user@acme.test",
      "VRFY nobody@acme.test",
      "VRFY x@foreign.example",
      "EXPN all@acme.test",
    );
    assert.match(told[0] ?? "", /^250 .*<user@acme\.test>/);
    assert.match(told[1] ?? "", /^550 5\.1\.1 /);
    assert.match(told[2] ?? "", /^550 5\.1\.1 /);
    assert.match(told[3] ?? "", /^250 .*<user@acme\.test>/);
    await listener({ vrfy: 252, expn: 502 });
  });

  test("the greeting is the host name alone, and what the banner adds", async () => {
    const plain = await open("192.0.2.2");
    assert.equal(plain.greeting.text, "mx.mailfold.test ESMTP");
    plain.dialogue.close();
    await listener({ banners: { smtp: "no spam, please" } });
    const worded = await open("192.0.2.2");
    assert.equal(worded.greeting.text, "mx.mailfold.test ESMTP no spam, please");
    worded.dialogue.close();
  });
});

describe("maxCommandLength", () => {
  const overlong = `NOOP ${"x".repeat(600)}`;

  test("reject: 500, the session goes on; a higher limit takes the line", async () => {
    const { dialogue } = await open("192.0.2.10");
    const exact = `NOOP ${"x".repeat(512 - "NOOP \r\n".length)}`;
    assert.equal((await dialogue.command(exact)).code, 250, "512 octets with CRLF");
    const { code, text } = await dialogue.command(`${exact}x`);
    assert.match(`${code} ${text}`, /^500 5\.5\.2 /);
    assert.equal((await dialogue.command("NOOP")).code, 250);
    dialogue.close();
    await listener({ maxCommandLength: 1_000 });
    const longer = await open("192.0.2.10");
    assert.equal((await longer.dialogue.command(overlong)).code, 250);
    longer.dialogue.close();
    await listener({ maxCommandLength: 512 });
  });

  test("deny: closed, the next connection refused at once, an event on record, neighbours untouched", async () => {
    const denyDuration = 120;
    await listener({ overlongAction: "deny", denyDuration });
    const before = Date.now();
    for (const ip of ["192.0.2.20", "2001:db8:20::1"]) {
      const { dialogue } = await open(ip);
      assert.equal((await dialogue.command(overlong)).code, 421);
      assert.equal((await dialogue.reply()).code, 0, "closed");
      const again = await open(ip);
      assert.match(`${again.greeting.code} ${again.greeting.text}`, /^421 4\.7\.0 .*protocol abuse/);
      assert.equal((await again.dialogue.reply()).code, 0, "closed without a word from the client");
    }
    assert.equal((await open("2001:db8:20::2")).greeting.code, 421, "the /64 is denied");
    for (const ip of ["192.0.2.21", "2001:db8:20:1::1"]) {
      const { dialogue, greeting } = await open(ip);
      assert.equal(greeting.code, 220, `${ip} is a neighbour`);
      dialogue.close();
    }
    const denials = await deniedEvents();
    assert.deepEqual(denials.map((event) => event.prefix).sort(), ["192.0.2.20/32", "2001:db8:20::/64"]);
    for (const { until, reason } of denials) {
      assert.equal(reason, "overlong-command");
      const seconds = (until - before) / 1_000;
      assert.ok(seconds >= denyDuration && seconds < denyDuration + 30, `${seconds} s`);
    }
  });

  test("deny: loopback, a platform relay address and an authenticated session are never denied", async () => {
    await listener({ relayAddresses: ["192.0.2.30"] });
    for (const ip of [undefined, "192.0.2.30"]) {
      const { dialogue } = await open(ip);
      assert.equal((await dialogue.command(overlong)).code, 500, ip ?? "loopback");
      dialogue.close();
      const again = await open(ip);
      assert.equal(again.greeting.code, 220, ip ?? "loopback");
      again.dialogue.close();
    }
    await listener({ relayAddresses: ["192.0.2.20"] });
    const freed = await open("192.0.2.20");
    assert.equal(freed.ehlo.code, 250, "listing a denied address frees it");
    freed.dialogue.close();
    await listener({ relayAddresses: [] });
    const [login] = acme.mailboxes;
    assert.ok(login);
    const { dialogue } = await openSession({ port: platform.ports.submission, proxyFrom: "192.0.2.31" });
    await dialogue.startTls();
    await dialogue.command("EHLO client.example");
    assert.equal((await dialogue.authPlain(login.address, login.password)).code, 235);
    assert.equal((await dialogue.command(overlong)).code, 500);
    dialogue.close();
    assert.equal((await open("192.0.2.31")).greeting.code, 220);
    assert.equal((await deniedEvents()).length, 2, "no further denial");
  });

  test("a denial outlives a restart", async () => {
    const { dataDir } = platform;
    assert.equal(await platform.stop(), 0);
    platform = await startPlatform({ dataDir, env: { MAILFOLD_DEMO: "0" } });
    assert.equal((await open("192.0.2.20")).greeting.code, 421);
    const { dialogue, greeting } = await open("192.0.2.22");
    assert.equal(greeting.code, 220);
    dialogue.close();
  });
});

interface Denied {
  readonly prefix: string;
  readonly reason: string;
  readonly until: number;
}
async function deniedEvents(): Promise<readonly Denied[]> {
  const data = await platform.graphql<{ auditEvents: { nodes: readonly { data: Denied }[] } }>(
    '{ auditEvents(first: 50, where: { types: ["IpDenied"] }) { nodes { type data } } }',
  );
  return data.auditEvents.nodes.map((node) => node.data);
}
