import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { streams } from "@mailfold/events";
import type { NewEvent } from "@mailfold/kernel";
import {
  idOf,
  linesOf,
  listingsOf,
  markTold,
  ReputationWorld,
  readingTold,
  startAt,
  type ToldEvent,
  type ToldVerdict,
  tell,
  tenantEvents,
  tenantNo,
  verdictTold,
} from "./reputation-test-world.ts";
import { peersOf } from "./sender-of-mail.ts";

const tenant = tenantNo(0);
const ip = "192.0.2.7";
const system = { actor: { type: "system", id: "test" } } as const;
/** Junk after junk: each is a mail and half a point. */
const junk = (count: number, more: Partial<ToldVerdict> = {}): readonly ToldEvent[] =>
  Array.from({ length: count }, (_, n) =>
    verdictTold({ key: `j${n}`, tenant, at: startAt + n, ip, reason: "spam-junk", action: "junk", ...more }),
  );
const setting = (name: string, value: unknown, at = startAt): ToldEvent => {
  const data = { scope: { kind: "tenant", id: tenant.tenantId }, set: { [name]: value }, unset: [] };
  const event: NewEvent = {
    id: idOf(`set ${name}`),
    type: "PolicySettingsChanged",
    data,
    metadata: system,
    occurredAt: at,
  };
  return { stream: streams.policy(tenant.tenantId), event };
};

describe("evidence in the log", () => {
  let dir: string;
  let path: string;
  let world: ReputationWorld;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "mailfold-reputation-"));
    path = join(dir, "reputation.db");
    world = await ReputationWorld.open();
    await tell(world.events, tenantEvents(tenant));
  });
  afterEach(async () => {
    await world.events.close();
    rmSync(dir, { recursive: true, force: true });
  });
  /** Listings begun, raised and ended; how often they were renewed is libs/reputation's business. */
  const lines = async () => linesOf(await listingsOf(world.events)).filter((line) => !line.includes("renewed"));

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
