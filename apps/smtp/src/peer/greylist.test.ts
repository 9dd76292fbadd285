import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { openEdgeMemory } from "./edge-memory.ts";
import { createGreylist, type GreylistEntry, memoryGreylistStore } from "./greylist.ts";

const secret = Buffer.alloc(32, 1);
const minute = 60_000;
const day = 86_400_000;
const start = 1_700_000_000_000;
const wait = (more: object = {}) => ({
  ip: "192.0.2.10",
  hostName: undefined,
  sender: "x@ext.test",
  recipient: "alice@a.test",
  at: start,
  delaySeconds: 300,
  ...more,
});

describe("greylist", () => {
  const fresh = () => createGreylist(memoryGreylistStore(), secret);

  test("new, too early, passed, known", () => {
    const greylist = fresh();
    assert.deepEqual(greylist.check(wait()), { status: "new", firstSeenAt: start });
    assert.deepEqual(greylist.check(wait({ at: start + 299_000 })), { status: "early", firstSeenAt: start });
    assert.equal(greylist.known(wait({ at: start + 299_000 })), undefined);
    assert.deepEqual(greylist.check(wait({ at: start + 300_000 })), { status: "passed", firstSeenAt: start });
    assert.deepEqual(greylist.check(wait({ at: start + 301_000 })), { status: "known", firstSeenAt: start });
    assert.equal(greylist.known(wait({ at: start + 302_000 }))?.status, "known");
  });

  test("another network, sender or recipient waits for itself", () => {
    const greylist = fresh();
    greylist.check(wait());
    const at = start + 10 * minute;
    for (const more of [{ ip: "192.0.3.10" }, { sender: "y@ext.test" }, { recipient: "bob@a.test" }]) {
      assert.equal(greylist.check(wait({ at, ...more })).status, "new");
    }
    assert.equal(greylist.check(wait({ at })).status, "passed");
  });

  test("a sender may come back from its /24, its /56, or its confirmed domain, and not from a neighbour of its provider", () => {
    const greylist = fresh();
    const at = start + 10 * minute;
    greylist.check(wait());
    assert.equal(greylist.check(wait({ at, ip: "192.0.2.200" })).status, "passed");
    greylist.check(wait({ ip: "2001:db8:1:100::1", recipient: "v6@a.test" }));
    assert.equal(greylist.check(wait({ at, ip: "2001:db8:1:1ff:f::9", recipient: "v6@a.test" })).status, "passed");
    assert.equal(greylist.check(wait({ at, ip: "2001:db8:1:200::1", recipient: "v6@a.test" })).status, "new");
    const pool = { recipient: "pool@a.test", hostName: "mta1.big.co.uk" };
    greylist.check(wait(pool));
    assert.equal(greylist.check(wait({ ...pool, at, ip: "203.0.113.5", hostName: "mta9.big.co.uk" })).status, "passed");
    // Now both networks are known, without a name.
    assert.equal(greylist.known(wait({ ...pool, at, ip: "203.0.113.7" }))?.status, "known");
    assert.equal(greylist.check(wait({ ...pool, at, ip: "198.51.100.5", hostName: "x.other.co.uk" })).status, "new");
    const cloud = { recipient: "cloud@a.test", hostName: "ec2-1.compute-1.amazonaws.com" };
    greylist.check(wait(cloud));
    assert.equal(
      greylist.check(wait({ ...cloud, at, ip: "198.51.100.9", hostName: "ec2-2.compute-1.amazonaws.com" })).status,
      "new",
    );
  });

  test("a list's sender that counts its messages is one sender", () => {
    const greylist = fresh();
    greylist.check(wait({ sender: "bounce-12-ab34@lists.test" }));
    const at = start + 10 * minute;
    assert.equal(greylist.check(wait({ at, sender: "bounce-13-cd56@lists.test" })).status, "passed");
  });

  test("who does not come back within a day begins anew; who passed is forgotten 36 days after the last mail", () => {
    const greylist = fresh();
    greylist.check(wait());
    assert.equal(greylist.check(wait({ at: start + day })).status, "new");
    assert.equal(greylist.check(wait({ at: start + day + 10 * minute })).status, "passed");
    assert.equal(greylist.check(wait({ at: start + 36 * day })).status, "known");
    assert.equal(greylist.check(wait({ at: start + 71 * day })).status, "known");
    assert.equal(greylist.check(wait({ at: start + 108 * day })).status, "new");
  });

  test("in memory it is bounded: what was put longest ago goes", () => {
    const store = memoryGreylistStore(2);
    const entry: GreylistEntry = { firstSeenAt: 0, isPassed: false, expiresAt: day };
    for (const key of ["aa", "bb", "cc"]) store.put(key, entry);
    assert.deepEqual(
      ["aa", "bb", "cc"].map((key) => store.get(key) !== undefined),
      [false, true, true],
    );
  });
});

describe("the edge's file", () => {
  const dir = mkdtempSync(join(tmpdir(), "mailfold-edge-"));
  afterEach(() => rmSync(join(dir, "edge.db"), { force: true }));
  let now = start;
  const faults: unknown[] = [];
  const open = (more = {}) =>
    openEdgeMemory(join(dir, "edge.db"), {
      clock: { now: () => now },
      onFault: (error) => void faults.push(error),
      writeIntervalMs: 5,
      ...more,
    });
  const written = () => new Promise((resolve) => setTimeout(resolve, 40));

  test("greylist and counts survive a restart", () => {
    const first = open();
    createGreylist(first.greylist, secret).check(wait());
    for (let n = 0; n < 3; n += 1) first.counts.add("mbx_a", 28_333_333);
    first.close();
    const second = open();
    assert.equal(createGreylist(second.greylist, secret).check(wait({ at: start + 10 * minute })).status, "passed");
    assert.deepEqual([...second.counts.load(28_333_333 * minute)], [{ key: "mbx_a", minute: 28_333_333, count: 3 }]);
    assert.deepEqual([...second.counts.load(28_333_393 * minute)], []);
    second.close();
    assert.deepEqual(faults, []);
  });

  test("what has expired goes, and beyond the bound what expires first", async () => {
    now = start;
    const memory = open({ entriesMax: 10 });
    const put = (n: number, expiresAt: number) =>
      memory.greylist.put(n.toString(16).padStart(32, "0"), { firstSeenAt: start, isPassed: false, expiresAt });
    const has = (n: number) => memory.greylist.get(n.toString(16).padStart(32, "0")) !== undefined;
    put(1, start + minute);
    put(2, start + day);
    await written();
    assert.deepEqual([has(1), has(2)], [true, true]);
    now = start + 2 * minute;
    await written();
    assert.deepEqual([has(1), has(2)], [false, true]);
    for (let n = 10; n < 30; n += 1) put(n, start + day + n);
    await written();
    assert.deepEqual([has(2), has(10)], [false, false]);
    memory.close();
    assert.deepEqual(faults, []);
  });

  test("a file that cannot be read is begun anew, and said", () => {
    writeFileSync(join(dir, "edge.db"), "no database at all".repeat(100));
    const memory = open();
    assert.equal(createGreylist(memory.greylist, secret).check(wait()).status, "new");
    memory.close();
    assert.equal(faults.splice(0).length, 1);
    rmSync(dir, { recursive: true });
  });
});
