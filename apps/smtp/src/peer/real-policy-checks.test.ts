import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { SettingValue } from "@mailfold/domain";
import { type CompiledPolicy, emptyPolicy, withSetting } from "@mailfold/policy";
import { type Smtp, startSmtp } from "../index.ts";
import { type FakeDeps, fakeDeps, ids } from "../testing/fake-deps.ts";
import { type FakeName, fakeDns } from "../testing/fake-dns.ts";
import { SmtpClient } from "../testing/smtp-client.ts";

const rejecting = ["verifyHelo", "verifySenderDomain", "reverseDns", "spf"] as const;

describe("the real policy asks, the edge looks up", () => {
  let deps: FakeDeps;
  let smtp: Smtp;
  let policy: CompiledPolicy;
  let zone: Readonly<Record<string, FakeName>> = {};
  let now = Date.now();
  let network = 0;
  const dns = () => fakeDns(zone);
  before(async () => {
    deps = await fakeDeps({
      policy: { current: () => policy, ready: () => true },
      clock: { now: () => now },
      resolver: {
        mx: (name) => dns().mx(name),
        addresses: (name, family) => dns().addresses(name, family),
        txt: (name) => dns().txt(name),
        ptr: (ip) => dns().ptr(ip),
        cname: (name) => dns().cname!(name),
      },
    });
    smtp = await startSmtp(deps, {
      host: "127.0.0.1",
      hostname: "mx.test",
      ports: { mx: 0, submission: 0, submissions: undefined },
      trustedProxies: ["127.0.0.1"],
      limits: { lookUpMs: 50, peerChecksMs: 100 },
    });
  });
  after(() => smtp.close());
  beforeEach(() => {
    policy = emptyPolicy();
    zone = {};
    deps.fakeJournal.commits.length = 0;
    network += 1;
  });

  const set = (name: string, value: SettingValue): void => {
    policy = withSetting(policy, { scope: { kind: "tenant", id: ids.tenantA }, name, value, byEvent: `set-${name}` });
  };
  /** The answer to RCPT for a peer of a network of the test's own. */
  const tryRcpt = async (host = 10): Promise<string> => {
    const client = await SmtpClient.dial(smtp.ports.mx!, {
      early: `PROXY TCP4 203.0.${network}.${host} 198.51.100.1 5000 25\r\n`,
    });
    await client.reply();
    await client.ask("EHLO mail.ext.test");
    await client.ask("MAIL FROM:<x@ext.test>");
    const reply = await client.ask("RCPT TO:<alice@a.test>");
    client.close();
    return reply;
  };

  for (const name of rejecting) {
    test(`${name} reject: refused with a reference when DNS proves it`, async () => {
      set(name, "reject");
      zone = name === "spf" ? { "ext.test": { TXT: ["v=spf1 -all"] } } : {};
      assert.match(await tryRcpt(), /^5\d\d 5\.\d\.\d+ .*\(ref vrd_/);
      const [verdict] = deps.fakeJournal.of("VerdictRecorded");
      assert.equal((verdict!.data as { decisiveLine: { byEvent?: string } }).decisiveLine.byEvent, `set-${name}`);
    });
  }

  for (const bad of ["silent", "servfail"] as const) {
    test(`everything set to reject, DNS ${bad}: taken`, async () => {
      for (const name of rejecting) set(name, "reject");
      set("dnsbl", [{ zone: "bl.test", trusted: true }]);
      zone = {
        [`10.${network}.0.203.in-addr.arpa`]: bad,
        [`10.${network}.0.203.bl.test`]: bad,
        "mail.ext.test": bad,
        "ext.test": bad,
      };
      assert.match(await tryRcpt(), /^250/);
    });
  }

  test("a trusted list refuses, a welcome one spares from greylisting", async () => {
    set("dnsbl", [
      { zone: "bl.test", trusted: true },
      { zone: "wl.test", welcome: true },
    ]);
    set("greylist", 60);
    zone = {
      [`10.${network}.0.203.bl.test`]: { A: ["127.0.0.2"] },
      [`11.${network}.0.203.wl.test`]: { A: ["127.0.9.1"] },
    };
    assert.match(await tryRcpt(10), /^5\d\d 5\.7\.1 .*\(ref vrd_/);
    assert.match(await tryRcpt(11), /^250/);
    assert.match(await tryRcpt(12), /^451 4\.7\.1/);
  });

  describe("unknown recipients beyond harvestLimit", () => {
    const platform = { kind: "platform" } as const;
    const limit = (value: number): void => {
      policy = withSetting(policy, { scope: platform, name: "harvestLimit", value, byEvent: "e" });
    };
    /** One connection: some recipients that exist get a message each, then so many guesses; the last reply, or how it ended. */
    const guess = async (guesses: number, messages: number, host = 10): Promise<string> => {
      const client = await SmtpClient.dial(smtp.ports.mx!, {
        early: `PROXY TCP4 203.0.${network}.${host} 198.51.100.1 5000 25\r\n`,
      });
      await client.reply();
      await client.ask("EHLO mail.ext.test");
      for (let n = 0; n < messages; n += 1) {
        await client.ask("MAIL FROM:<x@ext.test>");
        assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^250/);
        await client.ask("DATA");
        assert.match(await client.ask("From: x@ext.test\r\n\r\nx\r\n."), /^250/);
      }
      await client.ask("MAIL FROM:<x@ext.test>");
      for (let n = 0; n < guesses; n += 1) assert.match(await client.ask(`RCPT TO:<nobody${n}@a.test>`), /^550/);
      const reply = await client.ask("RSET").catch(() => "closed");
      client.close();
      return reply;
    };
    const denials = () => deps.fakeJournal.of("IpDenied").length;

    test("deny a peer, but not one of whose recipients more were taken", async () => {
      limit(2);
      set("spamThresholds", { junk: 100 });
      assert.match(await guess(3, 3, 10), /^250/);
      assert.equal(denials(), 0);
      await guess(3, 2, 11);
      assert.equal(denials(), 1);
    });

    test("spare a peer that a welcome list of the platform is known to know, not one that a tenant's own list knows", async () => {
      limit(2);
      const zones = [{ zone: "wl.test", welcome: true }];
      for (const host of [10, 11]) zone = { ...zone, [`${host}.${network}.0.203.wl.test`]: { A: ["127.0.9.1"] } };
      set("dnsbl", zones);
      assert.match(await tryRcpt(10), /^250/);
      await guess(3, 0, 10);
      assert.equal(denials(), 1);
      policy = withSetting(policy, { scope: platform, name: "dnsbl", value: zones, byEvent: "e" });
      assert.match(await tryRcpt(11), /^250/);
      assert.match(await guess(3, 0, 11), /^250/);
      assert.equal(denials(), 1);
    });
  });

  test("greylist: deferred, then taken from the same network", async () => {
    set("greylist", 60);
    assert.match(await tryRcpt(10), /^451 4\.7\.1 .*\(ref vrd_/);
    now += 61_000;
    assert.match(await tryRcpt(77), /^250/);
  });

  /** A transaction of a login of tenant A. */
  const submitting = async (): Promise<SmtpClient> => {
    const client = await SmtpClient.dial(smtp.ports.submission!, {
      early: `PROXY TCP4 203.0.${network}.10 198.51.100.1 5000 587\r\n`,
    });
    await client.reply();
    await client.ask("EHLO client.test");
    await client.ask("STARTTLS");
    await client.startTls();
    await client.ask("EHLO client.test");
    await client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ=");
    await client.ask("MAIL FROM:<alice@a.test>");
    return client;
  };

  test("tenantRecipientsPerHour: recipients at another tenant here count for the tenant that sends", async () => {
    set("tenantRecipientsPerHour", 2);
    // Beyond what another test's login sent.
    now += 7_200_000;
    const client = await submitting();
    const codes: string[] = [];
    for (const to of ["carol@b.test", "1@away.test", "2@away.test"]) {
      codes.push((await client.ask(`RCPT TO:<${to}>`)).slice(0, 9));
    }
    assert.deepEqual(codes, ["250 2.1.5", "250 2.1.5", "452 4.7.1"]);
    client.close();
    now += 7_200_000;
  });

  test("recipientsPerHour: a login's recipients beyond it are put off, and taken when the hour is over", async () => {
    set("recipientsPerHour", 2);
    const client = await submitting();
    const codes: string[] = [];
    for (const to of ["1", "2", "3"]) codes.push((await client.ask(`RCPT TO:<${to}@away.test>`)).slice(0, 9));
    now += 3_660_000;
    codes.push((await client.ask("RCPT TO:<4@away.test>")).slice(0, 9));
    assert.deepEqual(codes, ["250 2.1.5", "250 2.1.5", "452 4.7.1", "250 2.1.5"]);
    client.close();
  });
});
