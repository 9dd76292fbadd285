import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Commit } from "@mailfold/journal";
import type { MailboxId } from "@mailfold/kernel";
import { emptyPolicy } from "@mailfold/policy";
import { createLogger, createMetrics } from "@mailfold/telemetry";
import { openPeerDefence } from "./peer-defence.ts";

describe("peer defence", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mailfold-defence-"));
  after(() => rmSync(dataDir, { recursive: true }));
  const commits: Commit[] = [];
  let now = 1_700_000_000_000;
  const open = () =>
    openPeerDefence({
      clock: { now: () => now },
      config: { trustedProxies: ["198.51.100.1"] },
      dataDir,
      keys: { secret: () => Buffer.alloc(32, 7) },
      log: createLogger("silent"),
      metrics: createMetrics(),
      policy: { current: emptyPolicy, ready: () => true },
      stores: { journal: { commit: async (commit: Commit) => void commits.push(commit) } },
    } as unknown as Parameters<typeof openPeerDefence>[0]);

  test("failed logins of all protocols add up; what was denied is denied for all, and ends", () => {
    const { denials, byText, close } = open();
    for (const protocol of ["imap", "submission", "http", "imap", "http"]) {
      byText.loginFailed("192.0.2.1", protocol);
      byText.loginFailed("::ffff:192.0.2.1", protocol);
    }
    assert.equal(denials.isDenied("192.0.2.1"), false);
    byText.loginFailed("192.0.2.1", "http");
    assert.equal(denials.isDenied("192.0.2.1"), true);
    assert.equal(byText.deniedForSeconds("::ffff:192.0.2.1"), 3_600);
    const events = commits.flatMap(({ appends }) => appends.flatMap((append) => append.events));
    assert.equal(events.length, 1);
    assert.deepEqual(events[0]?.data, {
      prefix: "192.0.2.1/32",
      reason: "auth-failures",
      until: now + 3_600_000,
      detail: "11 failed logins in an hour",
    });
    assert.equal(events[0]?.metadata.context?.protocol, "http");
    now += 3_600_000;
    assert.equal(denials.isDenied("192.0.2.1"), false);
    close();
  });

  test("loopback, trusted proxies and text that is no address are never denied", () => {
    const { byText, close } = open();
    const before = commits.length;
    for (const ip of ["127.0.0.1", "::1", "198.51.100.1", "unknown", "192.0.2.1:5000"]) {
      for (let n = 0; n < 20; n += 1) byText.loginFailed(ip, "http");
      assert.equal(byText.deniedForSeconds(ip), undefined);
    }
    assert.equal(commits.length, before);
    close();
  });

  test("recipients of the last hour and waiting senders outlive a restart", () => {
    const mailboxId = "mbx_a" as MailboxId;
    const first = open();
    for (let n = 0; n < 4; n += 1) first.counters.charge({ mailboxId }, now);
    const wait = {
      ip: "192.0.2.9",
      sender: "x@ext.test",
      recipient: "a@a.test",
      hostName: undefined,
      delaySeconds: 60,
    };
    first.greylist.check({ ...wait, at: now });
    first.close();
    const second = open();
    assert.equal(second.counters.read({ mailboxId }, now).mailboxRecipients, 4);
    assert.equal(second.greylist.check({ ...wait, at: now + 60_000 }).status, "passed");
    second.close();
  });
});
