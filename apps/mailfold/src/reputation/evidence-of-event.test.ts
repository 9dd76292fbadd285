import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ip, junk, type LearnerWorld, openLearnerWorld, setting, tenant } from "./learner-test-world.ts";
import {
  idOf,
  listingsOf,
  markTold,
  type ReputationWorld,
  readingTold,
  startAt,
  type ToldVerdict,
  tell,
  verdictTold,
} from "./reputation-test-world.ts";
import { peersOf } from "./sender-of-mail.ts";

describe("evidence in the log", () => {
  let path: string;
  let world: ReputationWorld;
  let lines: LearnerWorld["lines"];
  let close: LearnerWorld["close"];
  beforeEach(async () => {
    ({ path, world, lines, close } = await openLearnerWorld());
  });
  afterEach(() => close());

  test("two reporters' marks list the address and the proven domain, of mail whose verdict the log has", async () => {
    const mails = Array.from({ length: 6 }, (_, n) => `m${n}`);
    const taken = mails.map((key, n) =>
      verdictTold({ key, tenant, at: startAt + n, ip, reason: "accepted", domain: "offer.example" }),
    );
    const marks = mails.map((key, n) => markTold({ key, tenant, at: startAt + 100 + n, reader: n % 3, mark: "spam" }));
    const uploaded = markTold({ key: "up", tenant, at: startAt + 300, reader: 0, mark: "spam", hasVerdict: false });
    await tell(world.events, [...taken, ...marks, uploaded]);
    await world.learn(path);
    assert.deepEqual(await lines(), [
      "ten_0 SenderListed ip 192.0.2.7 new defer",
      "ten_0 SenderListed domain offer.example new defer",
      "ten_0 SenderListed sender news@offer.example new defer",
    ]);
  });

  test("what users read and answer speaks for its sender", async () => {
    const taken = Array.from({ length: 12 }, (_, n) =>
      verdictTold({ key: `m${n}`, tenant, at: startAt + n, ip, reason: "spam-junk", action: "junk" }),
    );
    const readings = [0, 1, 2].map((n) =>
      readingTold({ key: `m${n}`, tenant, at: startAt + 5, reader: n, answers: n === 0 }),
    );
    await tell(world.events, [...taken.slice(0, 5), ...readings, ...taken.slice(5)]);
    await world.learn(path);
    assert.deepEqual(await lines(), ["ten_0 SenderListed ip 192.0.2.7 new defer"]);
    const [listed] = await listingsOf(world.events);
    assert.equal(listed?.data.causeEvent, idOf("verdict m11"), "one mail later than without them");
    assert.deepEqual(
      new Map(world.evidence),
      new Map([
        ["accepted", 12],
        ["contentSpam", 12],
        ["replied", 1],
        ["read", 2],
      ]),
    );
  });

  test("what lists and listings did, logins, private peers, forged domains and the platform's relays are no evidence", async () => {
    const nothing: readonly Partial<ToldVerdict>[] = [
      { reason: "kill-listed", action: "reject" },
      { reason: "learned-ip", action: "reject" },
      { reason: "rule-rejected", action: "reject" },
      { byLists: true },
      { byLists: true, reason: "spam-rejected", action: "reject" },
      { login: true },
      { ip: "10.0.0.9" },
      { ip: "127.0.0.1" },
    ];
    for (const [n, more] of nothing.entries()) {
      await tell(
        world.events,
        junk(12, more).map(({ event, stream }) => ({ stream, event: { ...event, id: idOf(`${n} ${event.id}`) } })),
      );
    }
    await world.learn(path);
    assert.deepEqual(await lines(), []);
  });

  test("behind a tenant's trusted relay the tenant's list takes the address beyond it", async () => {
    await tell(world.events, [setting("trustedRelays", [ip]), ...junk(12, { originIp: "198.51.100.9" })]);
    await world.learn(path);
    assert.deepEqual(await lines(), ["ten_0 SenderListed ip 198.51.100.9 new defer"]);
    const peers = peersOf({ at: startAt, ip, trustedBy: "tenant", originIp: "198.51.100.9" });
    assert.deepEqual(peers, [
      { ip: "198.51.100.9", toldBy: "tenant" },
      { ip, trustedBy: "tenant" },
    ]);
    assert.deepEqual(peersOf({ at: startAt, ip, trustedBy: "platform" }), [], "nobody told where it came from");
  });
});
