import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ResellerId } from "@mailfold/kernel";
import { MemoryRows } from "@mailfold/read-store";
import { createDirectory } from "./create-directory.ts";
import { directoryProjection } from "./directory-projection.ts";
import {
  a1,
  added,
  alias,
  claimed,
  d1,
  d2,
  type Event,
  k1,
  m1,
  m2,
  mailbox,
  off,
  r1,
  reseller,
  sealed,
  setting,
  t1,
  t2,
  tenant,
  verified,
} from "./directory-test-world.ts";
import { mailboxUsageRow, mailboxUsageTable, usedBytesFrom } from "./usage.ts";

describe("directory", () => {
  test("tenants: created, suspended with switches and reason, resumed", () => {
    const { directory, append } = setting(reseller, tenant(t1, "x-1"), tenant(t2));
    assert.equal(directory.reseller(r1)?.name, "ISP");
    assert.equal(directory.resellerByExternalId("isp")?.resellerId, r1);
    assert.equal(directory.resellerByExternalId("other"), undefined);
    assert.equal(directory.tenantByExternalId(r1, "x-1")?.tenantId, t1);
    assert.deepEqual(directory.tenant(t1)?.switches, off);
    append({
      type: "TenantSuspended",
      data: { tenantId: t1, switches: { ...off, submission: true }, reason: "ABUSE", note: "spam" },
    });
    const suspended = directory.tenant(t1);
    assert.deepEqual(
      [suspended?.suspended, suspended?.suspensionReason, suspended?.switches.submission, suspended?.switches.inbound],
      [true, "ABUSE", true, false],
    );
    append({ type: "TenantResumed", data: { tenantId: t1, restored: off } });
    assert.deepEqual([directory.tenant(t1)?.suspended, directory.tenant(t1)?.suspensionReason], [false, undefined]);
    assert.deepEqual(
      directory.tenants({ resellerId: r1 }, { first: 1, after: t1 }).map(({ tenantId }) => tenantId),
      [t2],
    );
    assert.deepEqual(directory.tenants({ resellerId: "rsl_9" as ResellerId }, { first: 9 }), []);
  });

  test("domains: a claim, its proof, its end, and who held the name verified", () => {
    const { directory, append } = setting(reseller, tenant(t1), tenant(t2), added(d1, t1));
    assert.equal(directory.domainByName("a.test")?.verified, false);
    assert.equal(directory.domainByName("a.test")?.resellerId, r1);
    assert.equal(directory.heldByOther("a.test", t2), false, "an unverified claim holds nothing");
    append(
      { type: "DomainClaimLapsed", data: { domainId: d1, tenantId: t1, name: "a.test", cause: "proven-by-other" } },
      added(d2, t2),
      verified(d2, t2),
    );
    assert.equal(directory.domainByName("a.test")?.domainId, d2);
    assert.equal(directory.domain(d1), undefined);
    assert.deepEqual([directory.heldByOther("a.test", t1), directory.heldByOther("a.test", t2)], [true, false]);
    append({ type: "DomainRemoved", data: { domainId: d2, tenantId: t2, name: "a.test" } });
    assert.equal(directory.domainByName("a.test"), undefined);
    assert.equal(directory.heldByOther("a.test", t1), true, "its holder before");
    assert.deepEqual(directory.domains({ tenantId: t2 }, { first: 5 }), []);
  });

  test("mailboxes: password, quota, suspension, deletion and restoring; use read when asked", () => {
    const { directory, append, used } = setting(reseller, tenant(t1), claimed(m1, "al@a.test"));
    assert.equal(directory.resolve("al@a.test"), undefined, "claimed, but there is no mailbox yet");
    append(mailbox(m1, "al@a.test"));
    const found = directory.mailboxByAddress("al@a.test");
    assert.deepEqual([found?.mailboxId, found?.status, found?.resellerId, found?.usedBytes], [m1, "active", r1, 0]);
    used.set(m1, 77);
    assert.equal(found?.usedBytes, 77, "a remembered record shows the use of now");
    append(
      { type: "MailboxPasswordSet", data: { mailboxId: m1, verifier: sealed("two") } },
      { type: "MailboxUpdated", data: { mailboxId: m1, quotaBytes: 5 } },
      { type: "MailboxUpdated", data: { mailboxId: m1, displayName: "Al" } },
      { type: "MailboxSuspended", data: { mailboxId: m1, reason: "ADMIN" } },
    );
    const changed = directory.mailbox(m1);
    assert.deepEqual(
      [changed?.quotaBytes, changed?.displayName, changed?.verifier.ciphertext, changed?.status],
      [5, "Al", "two", "suspended"],
    );
    append({ type: "MailboxDeleted", data: { mailboxId: m1, address: "al@a.test" } });
    assert.equal(directory.mailboxByAddress("al@a.test"), undefined);
    assert.equal(directory.resolve("al@a.test"), undefined);
    assert.equal(directory.mailbox(m1)?.status, "deleted");
    append({ type: "MailboxRestored", data: { mailboxId: m1, address: "al2@a.test" } });
    assert.equal(directory.mailboxByAddress("al2@a.test")?.status, "suspended", "suspension outlives the deletion");
    append({ type: "MailboxResumed", data: { mailboxId: m1 } });
    assert.equal(directory.mailbox(m1)?.status, "active");
    assert.equal(directory.mailboxes({ tenantId: t1, domainId: d1 }, { first: 10 }).length, 1);
  });

  test("aliases: resolve to live targets, add to what a mailbox may send as, and go", () => {
    const { directory, append, rows } = setting(
      reseller,
      tenant(t1),
      mailbox(m1, "al@a.test"),
      mailbox(m2, "bo@a.test"),
      alias([m1, m2]),
    );
    assert.deepEqual(
      directory.resolve("team@a.test")?.map(({ mailboxId }) => mailboxId),
      [m1, m2],
    );
    assert.deepEqual(directory.addressesOf(m1), ["al@a.test", "team@a.test"]);
    assert.equal(rows.get(directoryProjection, "addresses", { address: "team@a.test" })?.kind, "alias");
    append({ type: "MailboxDeleted", data: { mailboxId: m1, address: "al@a.test" } });
    assert.deepEqual(
      directory.resolve("team@a.test")?.map(({ mailboxId }) => mailboxId),
      [m2],
    );
    assert.deepEqual(directory.addressesOf(m1), []);
    append({ type: "MailboxDeleted", data: { mailboxId: m2, address: "bo@a.test" } });
    assert.equal(directory.resolve("team@a.test"), undefined);
    append({ type: "AliasRemoved", data: { aliasId: a1, address: "team@a.test", tenantId: t1 } });
    assert.equal(directory.aliasByAddress("team@a.test"), undefined);
    assert.equal(directory.alias(a1), undefined);
    assert.equal(rows.get(directoryProjection, "addresses", { address: "team@a.test" }), undefined);
    assert.deepEqual(rows.select(directoryProjection, "alias_targets", { limit: 5 }), []);
  });

  test("a domain that yielded to another tenant's proof takes its addresses along: old mailboxes hold none of them", () => {
    const { directory, append } = setting(
      reseller,
      tenant(t1),
      tenant(t2),
      added(d1, t1),
      mailbox(m1, "al@a.test"),
      alias([m1]),
    );
    assert.equal(directory.resolve("al@a.test")?.[0]?.mailboxId, m1, "unverified it may receive");
    const lapsed = { domainId: d1, tenantId: t1, name: "a.test", cause: "proven-by-other" } as const;
    append({ type: "DomainClaimLapsed", data: lapsed });
    assert.equal(directory.mailboxByAddress("al@a.test")?.mailboxId, m1, "a lone mailbox can still be opened");
    append(added(d2, t2), verified(d2, t2));
    assert.equal(directory.resolve("al@a.test"), undefined, "the owner's mail must not reach the former claimant");
    assert.equal(directory.mailboxByAddress("al@a.test"), undefined);
    assert.equal(directory.aliasByAddress("team@a.test"), undefined);
    assert.deepEqual(directory.addressesOf(m1), [], "nor may that one send as an address of the domain");
    const taken = { mailboxId: m2, tenantId: t2, domainId: d2, address: "al@a.test" };
    append({ type: "MailboxCreated", data: { ...taken, quotaBytes: 1_000, verifier: sealed("two") } });
    assert.equal(directory.resolve("al@a.test")?.[0]?.mailboxId, m2);
    append({ type: "DomainRemoved", data: { domainId: d2, tenantId: t2, name: "a.test" } });
    assert.equal(directory.mailboxByAddress("al@a.test"), undefined, "two claim it and nobody owns it: neither");
  });

  test("tokens: scope, expiry, revocation", () => {
    const token: Event = {
      type: "TokenCreated",
      data: {
        tokenId: k1,
        subject: "sub",
        name: "ci",
        scope: { kind: "tenant", id: t1 },
        secretHash: sealed("hash"),
        expiresAt: 9,
      },
    };
    const { directory, append } = setting(token);
    assert.deepEqual(directory.token(k1), {
      tokenId: k1,
      subject: "sub",
      name: "ci",
      scope: { kind: "tenant", id: t1 },
      secretHash: sealed("hash"),
      expiresAt: 9,
      revoked: false,
    });
    append({ type: "TokenRevoked", data: { tokenId: k1 } });
    assert.equal(directory.token(k1)?.revoked, true);
    assert.equal(directory.tokens({ scope: { kind: "tenant", id: t1 } }, { first: 5 }).length, 1);
    assert.equal(directory.tokens({ scope: { kind: "platform" } }, { first: 5 }).length, 0);
  });

  test("history says what stood when, and holds no secret", () => {
    const { rows, append } = setting(reseller, tenant(t1), mailbox(m1, "al@a.test"));
    append({ type: "MailboxUpdated", data: { mailboxId: m1, quotaBytes: 5 } });
    const quota = rows.select(directoryProjection, "history", {
      where: { objectId: m1, aspect: "quotaBytes" },
      limit: 9,
    });
    assert.deepEqual(
      quota.map(({ value, fromPosition, toPosition }) => [
        value,
        Number(fromPosition),
        toPosition && Number(toPosition),
      ]),
      [
        ["1000", 3, 4],
        ["5", 4, null],
      ],
    );
    const all = JSON.stringify(rows.select(directoryProjection, "history", { limit: 100 }));
    assert(!all.includes("ciphertext") && !all.includes("verifier"));
  });

  test("events whose personal fields were erased leave rows without them", () => {
    const erased = null as unknown as string;
    const { directory } = setting(reseller, tenant(t1), claimed(m1, erased), mailbox(m1, erased), {
      type: "AliasAdded",
      data: { aliasId: a1, address: erased, tenantId: t1, domainId: d1, targets: [m1] },
    });
    assert.equal(directory.mailbox(m1)?.address, "");
    assert.deepEqual(directory.addressesOf(m1), [""]);
  });

  test("lookups are remembered until invalidated, absent ones too, and bounded", () => {
    const { rows, append } = setting(reseller, tenant(t1), mailbox(m1, "al@a.test"));
    let reads = 0;
    const counted = createDirectory(
      {
        get: (...parameters) => {
          reads += 1;
          return rows.get(...parameters);
        },
        select: (...parameters) => {
          reads += 1;
          return rows.select(...parameters);
        },
      },
      () => 0,
    );
    counted.mailboxByAddress("al@a.test");
    counted.mailboxByAddress("nobody@a.test");
    const first = reads;
    counted.mailboxByAddress("al@a.test");
    counted.mailboxByAddress("nobody@a.test");
    assert.equal(reads, first);
    append(mailbox(m2, "nobody@a.test"));
    assert.equal(counted.mailboxByAddress("nobody@a.test"), undefined);
    counted.invalidate();
    assert.equal(counted.mailboxByAddress("nobody@a.test")?.mailboxId, m2);
    for (let count = 0; count < 10_001; count += 1) counted.domainByName(`d${count}.test`);
    const before = reads;
    counted.domainByName("d0.test");
    assert.equal(reads, before + 1, "the oldest was let go");
  });

  test("use comes from the summary's rows", () => {
    const usage = { name: "folders-usage", version: 1, tables: [mailboxUsageTable], handles: [], project: () => [] };
    const rows = new MemoryRows([usage]);
    rows.apply(usage, { put: "usage", row: mailboxUsageRow({ totalBytes: 9, totalMessages: 2 }, m1) });
    const used = usedBytesFrom(rows, usage);
    assert.deepEqual([used(m1), used(m2)], [9, 0]);
  });
});
