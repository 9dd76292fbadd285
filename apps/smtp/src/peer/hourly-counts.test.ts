import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MailboxId, TenantId } from "@mailfold/kernel";
import fc from "fast-check";
import { HourlyCounts, minuteOf } from "./hourly-counts.ts";
import { createRecipientCounters } from "./recipient-counters.ts";

describe("counts of the last hour", () => {
  test("equal what a list of all instants would say, to the minute", () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat(20 * 60_000), key: fc.constantFrom("a", "b") }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const counts = new HourlyCounts(10);
        const seen: { key: string; minute: number }[] = [];
        let now = 1_700_000_000_000;
        for (const { waitMs, key } of all) {
          now += waitMs;
          seen.push({ key, minute: minuteOf(now) });
          counts.add(key, now);
          for (const each of ["a", "b"]) {
            const expected = seen.filter((one) => one.key === each && one.minute > minuteOf(now) - 60).length;
            assert.equal(counts.count(each, now), expected);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test("a clock that steps back loses nothing; memory is bounded by forgetting who was counted longest ago", () => {
    const counts = new HourlyCounts(2);
    counts.add("a", 10_000_000);
    assert.equal(counts.add("a", 5_000_000), 2);
    for (const key of ["b", "a", "c"]) counts.add(key, 10_000_000);
    assert.deepEqual(
      ["a", "b", "c"].map((key) => counts.count(key, 10_000_000)),
      [3, 0, 1],
    );
  });
});

describe("recipients of an hour", () => {
  const accounts = { mailboxId: "mbx_a" as MailboxId, tenantId: "ten_a" as TenantId };
  test("are charged to mailbox and tenant; who is asked for decides what is said", () => {
    const counters = createRecipientCounters(0);
    counters.charge(accounts, 1_000);
    counters.charge({ tenantId: accounts.tenantId }, 2_000);
    assert.deepEqual(counters.read(accounts, 3_000), { mailboxRecipients: 1, tenantRecipients: 2 });
    assert.deepEqual(counters.read({ tenantId: accounts.tenantId }, 3_000), { tenantRecipients: 2 });
    assert.deepEqual(counters.read(accounts, 3_700_000), { mailboxRecipients: 0, tenantRecipients: 0 });
  });

  test("a start takes up what the store kept", () => {
    const at = 100 * 60_000;
    const rows = [
      { key: "mbx_a", minute: 99, count: 7 },
      { key: "mbx_a", minute: 100, count: 1 },
    ];
    const added: string[] = [];
    const store = { load: () => rows, add: (key: string, minute: number) => void added.push(`${key} ${minute}`) };
    const counters = createRecipientCounters(at, store);
    assert.equal(counters.read(accounts, at).mailboxRecipients, 8);
    counters.charge(accounts, at);
    assert.deepEqual(added, ["mbx_a 100", "ten_a 100"]);
  });
});
