import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { PardonLifted, SenderListed, SenderPardoned } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import { ip, junk, type LearnerWorld, openLearnerWorld, setting, system, tenant } from "./learner-test-world.ts";
import type { ListingRecorder } from "./listing-recorder.ts";
import {
  dayMs,
  idOf,
  listingsOf,
  openSealer,
  type ReputationWorld,
  startAt,
  type ToldEvent,
  tell,
  verdictTold,
} from "./reputation-test-world.ts";

describe("the learner", () => {
  let path: string;
  let world: ReputationWorld;
  let lines: LearnerWorld["lines"];
  let close: LearnerWorld["close"];
  beforeEach(async () => {
    ({ path, world, lines, close } = await openLearnerWorld());
  });
  afterEach(() => close());

  test("lists whose mail content finds to be spam, raises, and ends it when its time has come, in streams of the sender", async () => {
    await tell(world.events, junk(22));
    world.now = startAt + 1_000;
    await world.learn(path);
    assert.deepEqual(await lines(), [
      "ten_0 SenderListed ip 192.0.2.7 new defer",
      "ten_0 SenderListed ip 192.0.2.7 raised reject",
    ]);
    const listings = await listingsOf(world.events);
    const [begun] = listings;
    const data = begun?.data as SenderListed["data"];
    const last = listings.at(-1)?.data as SenderListed["data"];
    assert.equal(data.listingId, last.listingId);
    assert.deepEqual([data.threshold, data.evidenceTotal, data.evidence.length, data.tenants], [5, 11, 11, 1]);
    assert.deepEqual([data.evidence[0], data.causeEvent], [idOf("verdict j10"), idOf("verdict j10")]);
    assert.deepEqual([begun?.metadata.tenantId, begun?.metadata.resellerId], [tenant.tenantId, tenant.resellerId]);
    assert.equal(begun?.stream, streams.listing("ten_0", openSealer.blindIndex("listing", "ip:192.0.2.7")));
    // A pause of a month is believed when a second tick tells of it.
    for (const more of [0, 1]) {
      world.now = startAt + 30 * dayMs + more;
      await world.learn(path);
    }
    const [announced, ended] = (await listingsOf(world.events)).slice(-2);
    assert.deepEqual((await lines()).slice(2), ["ten_0 SenderDelisted ip 192.0.2.7 decayed"]);
    const before = announced?.data as SenderListed["data"];
    assert.equal(ended?.data.at, before.expiresAt);
    assert.equal(ended?.data.listingId, data.listingId);
    assert.deepEqual(world.warnings, []);
  });

  test("settings count from their event on; a scope that does not learn lists nobody", async () => {
    await tell(world.events, [setting("learning.enabled", false), ...junk(12)]);
    await world.learn(path);
    assert.deepEqual(await lines(), []);
    await tell(
      world.events,
      [setting("learning.thresholds", { defer: 1, reject: 3 }), setting("learning.enabled", true)].map(
        ({ event, stream }, n) => ({ stream, event: { ...event, id: idOf(`later ${n}`), occurredAt: startAt + 50 } }),
      ),
    );
    await tell(
      world.events,
      junk(8).map(({ event, stream }, n) => ({
        stream,
        event: { ...event, id: idOf(`b${n}`), occurredAt: startAt + 60 },
      })),
    );
    await world.learn(path);
    assert.deepEqual(await lines(), [
      "ten_0 SenderListed ip 192.0.2.7 new defer",
      "ten_0 SenderListed ip 192.0.2.7 raised reject",
    ]);
  });

  test("a pardon delists and voids; lifting it gives back", async () => {
    await tell(world.events, junk(12));
    await world.learn(path);
    const scope = { kind: "tenant", id: tenant.tenantId } as const;
    const subject = { kind: "ip", value: ip } as const;
    const pardonId = "prd_1" as never;
    const pardoned: SenderPardoned["data"] = {
      pardonId,
      scope,
      subject,
      until: startAt + 9 * dayMs,
      voided: [idOf("verdict j0"), idOf("verdict j1")],
    };
    const lifted: PardonLifted["data"] = { pardonId, scope, subject };
    const stream = streams.pardon("ten_0", "a1");
    const granted = {
      id: idOf("granted"),
      type: "SenderPardoned",
      data: pardoned,
      metadata: system,
      occurredAt: startAt + 20,
    };
    await tell(world.events, [{ stream, event: granted }]);
    await world.learn(path);
    const event = {
      id: idOf("lifted"),
      type: "PardonLifted",
      data: lifted,
      metadata: system,
      occurredAt: startAt + 30,
    };
    await tell(world.events, [{ stream, event }]);
    await world.learn(path);
    assert.deepEqual(await lines(), [
      "ten_0 SenderListed ip 192.0.2.7 new defer",
      "ten_0 SenderDelisted ip 192.0.2.7 pardoned",
      "ten_0 SenderListed ip 192.0.2.7 new defer",
    ]);
    const ids = (await listingsOf(world.events)).map(({ data }) => data.listingId);
    assert.deepEqual([ids[0] === ids[1], ids[1] === ids[2]], [true, false]);
  });

  test("a recorder that fails, answers late or twice, and a second learner double nothing", async () => {
    await tell(world.events, junk(22));
    let calls = 0;
    const recorder = world.recorder();
    const failing: ListingRecorder = {
      ...recorder,
      async decided(decided) {
        calls++;
        if (calls === 1) throw new Error("not now");
        const recorded = await recorder.decided(decided);
        if (calls === 2) throw new Error("written, not answered");
        return recorded;
      },
    };
    await Promise.all([world.learn(path, { recorder: failing }), world.learn(`${path}.other`)]);
    assert.equal((await lines()).length, 2);
    assert.ok(calls >= 3);
  });

  test("a file that is lost, broken or of another log is made again from the log, and nothing is recorded twice", async () => {
    await tell(world.events, junk(22));
    await world.learn(path);
    const before = await listingsOf(world.events);
    rmSync(path);
    await world.learn(path);
    writeFileSync(path, "no database at all, but long enough to be looked at".repeat(100));
    await world.learn(path);
    assert.deepEqual(await listingsOf(world.events), before);
    assert.equal(world.warnings.length, 1);
    assert.match(world.warnings[0] ?? "", /begun anew/);
    // And it goes on where it was.
    await tell(world.events, junk(1, { key: "more", reason: "spam-rejected", action: "reject" }));
    await world.learn(path);
    assert.equal((await listingsOf(world.events)).length, before.length);
  });

  test("a checkpoint stands for evidence that has expired: the rebuilt learner decides the same", async () => {
    const spread = (from: number, count: number): readonly ToldEvent[] =>
      Array.from({ length: count }, (_, n) =>
        verdictTold({
          key: `s${from + n}`,
          tenant,
          at: startAt + (from + n) * dayMs,
          ip,
          reason: "spam-rejected",
          action: "reject",
        }),
      );
    const burst = Array.from({ length: 9 }, (_, n) =>
      verdictTold({ key: `b${n}`, tenant, at: startAt + n, ip, reason: "spam-rejected", action: "reject" }),
    );
    await tell(world.events, [...burst, ...spread(1, 4)]);
    world.now = startAt + 4 * dayMs;
    await world.learn(path);
    await tell(world.events, spread(11, 2));
    world.now = startAt + 12 * dayMs;
    await world.learn(path);
    const whole: string[] = [];
    for await (const { stream } of world.events.readAll({ filter: { types: ["ReputationCheckpointed"] } }))
      whole.push(stream);
    assert.equal(whole.length, 2, "head and senders");
    assert.equal(await world.events.expire("traffic", startAt + 6 * dayMs), 15, "two ticks, 13 verdicts");
    rmSync(path);
    await tell(
      world.events,
      Array.from({ length: 9 }, (_, n) =>
        verdictTold({
          key: `l${n}`,
          tenant,
          at: startAt + 12 * dayMs + 1 + n,
          ip,
          reason: "spam-rejected",
          action: "reject",
        }),
      ),
    );
    await world.learn(path);
    const listed = (await listingsOf(world.events)).filter(({ type }) => type === "SenderListed");
    const last = listed.at(-1)?.data as SenderListed["data"];
    assert.ok(last.score > 5, "what has expired still counts");
    assert.ok(last.evidence.includes(idOf("verdict s4")), "and is named");
  });
});
