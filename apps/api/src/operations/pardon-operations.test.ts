import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { PardonEvent } from "@mailfold/domain";
import { idFromUuid } from "@mailfold/ids";
import type { Position } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import { type ApiWorld, createApiWorld, platformCaller } from "../test-support/api-test-world.ts";
import { holdStopped, listSender, markMail, stopMail } from "../test-support/learned-listings-test-world.ts";
import { createTenantObjects, type TenantObjects } from "../test-support/resellers-test-world.ts";
import { createOperations } from "./create-operations.ts";
import { parseSubject, patternOf } from "./listing-subject.ts";
import type { Operations } from "./operations.ts";
import { parseDuration } from "./parse-duration.ts";

const dayMs = 86_400_000;
const ip = (last: number) => ({ kind: "ip", value: `203.0.113.${last}` }) as const;

describe("senderPardon", () => {
  let world: ApiWorld;
  let operations: Operations;
  let acme: TenantObjects;
  let other: TenantObjects;
  let caller: Caller;
  /** After the tenants were made, a pardon of each among it. */
  let began: Position;
  before(async () => {
    world = await createApiWorld();
    operations = createOperations(world.deps);
    const resellerId = (await operations.resellerCreate(platformCaller, { name: "ISP" })).value?.resellerId ?? "";
    acme = await createTenantObjects(world, resellerId, "acme");
    other = await createTenantObjects(world, resellerId, "other");
    caller = callerOf(acme);
    began = await world.store.head();
  });
  after(() => world.close());

  const callerOf = ({ tenant, token }: TenantObjects): Caller => ({
    ...platformCaller,
    subject: token,
    tokenId: token,
    scope: { kind: "tenant", id: tenant as never },
  });
  async function eventsOf(type: PardonEvent["type"]) {
    const found = [];
    for await (const event of world.store.readAll({ after: began, filter: { types: [type] } })) found.push(event);
    return found;
  }
  const codes = (outcome: { readonly errors: readonly { code: string; path?: readonly string[] }[] }) =>
    outcome.errors.map(({ code, path = [] }) => `${code} ${path.join(".")}`);

  test("forgives a listed sender, voids named evidence, and says so to the tenant's own log", async () => {
    const mark = await markMail(world, acme, acme.verdict);
    const { listingId } = await listSender(world, { of: acme, subject: ip(1), evidence: [mark] });
    const voidEvidence = [idFromUuid("event", mark)];
    const input = { listingId, forDuration: "P14D", voidEvidence, reason: "our supplier", commandId: "c-1" };
    const dry = await operations.senderPardon(caller, { ...input, dryRun: true });
    assert.deepEqual([codes(dry), dry.receipt?.dryRun, (await eventsOf("SenderPardoned")).length], [[], true, 0]);
    const now = world.deps.clock.now();
    const done = await operations.senderPardon(caller, input);
    assert.deepEqual(codes(done), []);
    const [event, ...more] = await eventsOf("SenderPardoned");
    assert.equal(more.length, 0);
    const data = event?.data as Extract<PardonEvent, { type: "SenderPardoned" }>["data"];
    assert.deepEqual([data.subject, data.voided, data.reason], [ip(1), [mark], "our supplier"]);
    assert.deepEqual(data.scope, { kind: "tenant", id: acme.tenant });
    assert.ok(Math.abs(data.until - now - 14 * dayMs) < 60_000);
    assert.deepEqual([event?.metadata.tenantId, event?.metadata.actor.id], [acme.tenant, acme.token]);
    const pardon = done.value?.pardon;
    assert.deepEqual([pardon?.pardonId, pardon?.current, pardon?.grantedBy], [data.pardonId, true, acme.token]);
    const again = await operations.senderPardon(caller, input);
    assert.deepEqual([again.receipt?.replayed, again.value?.pardon.pardonId], [true, data.pardonId]);

    const lifted = await operations.senderPardonLift(caller, { pardonId: data.pardonId, reason: "spam after all" });
    assert.deepEqual([codes(lifted), lifted.value?.pardon.current], [[], false]);
    assert.equal(lifted.value?.pardon.lifted?.by, acme.token);
    assert.equal((await eventsOf("PardonLifted")).length, 1);
    const twice = await operations.senderPardonLift(caller, { pardonId: data.pardonId });
    assert.deepEqual(codes(twice), ["NOT_FOUND "]);
  });

  test("a sender that is not listed can be pardoned beforehand; the same again is nothing new", async () => {
    const until = world.deps.clock.now() + dayMs;
    const scope = { tenantId: acme.tenant };
    const first = await operations.senderPardon(caller, { scope, subject: "Bank.Example", until });
    assert.deepEqual(first.value?.pardon.subject, { kind: "domain", value: "bank.example" });
    const again = await operations.senderPardon(caller, { scope, subject: "@bank.example", until });
    assert.deepEqual([again.value?.pardon.pardonId, again.receipt?.events], [first.value?.pardon.pardonId, []]);
    const longer = await operations.senderPardon(caller, { scope, subject: "@bank.example" });
    assert.notEqual(longer.value?.pardon.pardonId, first.value?.pardon.pardonId);
    assert.ok(Math.abs((longer.value?.pardon.until ?? 0) - world.deps.clock.now() - 30 * dayMs) < 60_000);
    const old = { pardonId: first.value?.pardon.pardonId ?? "" };
    assert.deepEqual(codes(await operations.senderPardonLift(caller, old)), ["NOT_FOUND "], "another took its place");
  });

  test("the platform's listing is the platform's to pardon; a tenant is told what it can do", async () => {
    const mark = await markMail(world, acme, acme.verdict);
    const { listingId, eventId } = await listSender(world, { subject: ip(20), evidence: [mark] });
    const unseen = await listSender(world, { subject: ip(21) });
    await stopMail(world, acme, { byEvent: eventId, setAtScope: "platform" });
    const refusal = (await operations.senderPardon(caller, { listingId })).errors[0];
    assert.equal(refusal?.code, "LISTING_OF_PLATFORM");
    assert.match(refusal?.message ?? "", /senderEntryAdd.*learning\.use/);
    const scope = { tenantId: acme.tenant };
    const named = await operations.senderPardon(caller, { scope, subject: "203.0.113.20" });
    assert.deepEqual(codes(named), ["LISTING_OF_PLATFORM subject"]);
    const voids = { scope, subject: "203.0.113.20", voidEvidence: [idFromUuid("event", mark)] };
    assert.deepEqual(codes(await operations.senderPardon(caller, voids)), [], "its own evidence is its own to void");
    assert.deepEqual(codes(await operations.senderPardon(caller, { listingId: unseen.listingId })), [
      "NOT_FOUND listingId",
    ]);
    const unlisted = await operations.senderPardon(caller, { scope, subject: "203.0.113.21" });
    assert.deepEqual(codes(unlisted), [], "of that listing it knows nothing");
    const platform = await operations.senderPardon(platformCaller, { listingId });
    assert.deepEqual([codes(platform), platform.value?.pardon.scope.kind], [[], "platform"]);
    const foreign = await listSender(world, { of: other, subject: ip(22) });
    assert.deepEqual(codes(await operations.senderPardon(caller, { listingId: foreign.listingId })), [
      "NOT_FOUND listingId",
    ]);
    await assert.rejects(operations.senderPardon(caller, { scope: { platform: true }, subject: "203.0.113.20" }));
  });

  test("evidence of others, or none at all, cannot be voided", async () => {
    const theirs = await markMail(world, other, other.verdict);
    const scope = { tenantId: acme.tenant };
    for (const id of [idFromUuid("event", theirs), idFromUuid("event", crypto.randomUUID()), "nonsense"]) {
      const outcome = await operations.senderPardon(caller, { scope, subject: "203.0.113.30", voidEvidence: [id] });
      assert.deepEqual(codes(outcome), ["NOT_FOUND voidEvidence"]);
      assert.equal(outcome.errors[0]?.message, `${id} is no evidence of this scope`);
    }
    // What has expired is still named by the listing.
    const gone = crypto.randomUUID();
    const { listingId } = await listSender(world, { of: acme, subject: ip(31), evidence: [gone] });
    const named = { listingId, voidEvidence: [idFromUuid("event", gone)] };
    assert.deepEqual(codes(await operations.senderPardon(caller, named)), []);
    assert.deepEqual(
      codes(await operations.senderPardon(platformCaller, { ...named, listingId, scope: { platform: true } })),
      ["INVALID_INPUT scope"],
    );
  });

  test("redelivers what quarantine holds because of the listing, and nothing else", async () => {
    const first = await listSender(world, { of: acme, subject: ip(50), change: "new" });
    const { listingId } = first;
    const second = await listSender(world, { of: acme, subject: ip(50), listingId, change: "renewed" });
    const elsewhere = await listSender(world, { of: acme, subject: ip(51) });
    const setAtScope = acme.tenant;
    const a = await holdStopped(world, acme, { byEvent: first.eventId, setAtScope });
    const b = await holdStopped(world, acme, { byEvent: second.eventId, setAtScope });
    await holdStopped(world, acme, { byEvent: elsewhere.eventId, setAtScope });
    const input = { listingId, redeliver: true, commandId: "redeliver-1" };
    const dry = await operations.senderPardon(caller, { ...input, dryRun: true });
    assert.deepEqual([dry.value?.redelivery?.released, dry.value?.redelivery?.left], [2, false]);
    const done = await operations.senderPardon(caller, input);
    const released = done.value?.redelivery?.results.map(({ id, entry }) => `${id} ${entry?.status}`);
    assert.deepEqual(released?.sort(), [a.id, b.id].map((id) => `${id} released`).sort());
    const again = await operations.senderPardon(caller, { ...input, commandId: "redeliver-2" });
    assert.equal(again.value?.redelivery?.released, 0);
    assert.equal((await operations.senderPardon(caller, { listingId })).value?.redelivery, undefined);
  });

  test("bad input is refused in words", async () => {
    const scope = { tenantId: acme.tenant };
    const subject = "203.0.113.60";
    const until = world.deps.clock.now() + dayMs;
    const cases: readonly (readonly [Parameters<Operations["senderPardon"]>[1], string])[] = [
      [{ scope }, "INVALID_INPUT subject"],
      [{ scope, subject, listingId: "lst_x" }, "INVALID_INPUT subject"],
      [{ subject }, "INVALID_INPUT scope"],
      [{ scope: { domainId: acme.domain }, subject }, "INVALID_INPUT scope"],
      [{ scope: { tenantId: other.tenant }, subject }, "NOT_FOUND scope.tenantId"],
      [{ scope, subject: "10.0.0.1" }, "INVALID_INPUT subject"],
      [{ scope, subject: "203.0.113.0/25" }, "INVALID_INPUT subject"],
      [{ scope, subject, until, forDuration: "P1D" }, "INVALID_INPUT forDuration"],
      [{ scope, subject, forDuration: "14 days" }, "INVALID_INPUT forDuration"],
      [{ scope, subject, forDuration: "P9999D" }, "INVALID_INPUT until"],
      [{ scope, subject, until: 5 }, "INVALID_INPUT until"],
    ];
    for (const [input, code] of cases) {
      assert.deepEqual(codes(await operations.senderPardon(caller, input)), [code], JSON.stringify(input));
    }
    assert.deepEqual(codes(await operations.senderPardonLift(caller, { pardonId: "prd_x" })), ["NOT_FOUND pardonId"]);
  });
});

describe("subjects and durations as people write them", () => {
  test("a subject reads as the learner writes it, and back", () => {
    const cases: readonly (readonly [text: string, written: string])[] = [
      ["203.0.113.7", "ip 203.0.113.7"],
      ["203.0.113.0/24", "prefix 203.0.113.0/24"],
      ["2a02:db8:0:1::5", "ip 2a02:db8:0:1::/64"],
      ["2a02:db8:0:1::/64", "ip 2a02:db8:0:1::/64"],
      ["2a02:db8::/56", "prefix 2a02:db8:0:0::/56"],
      ["@Offer.Example", "domain offer.example"],
      ["offer.example", "domain offer.example"],
      ["News@Offer.example", "sender news@offer.example"],
    ];
    for (const [text, written] of cases) {
      const subject = parseSubject(text);
      assert.ok(!("problem" in subject), text);
      assert.equal(`${subject.kind} ${subject.value}`, written);
      assert.deepEqual(parseSubject(patternOf(subject)), subject);
    }
    for (const text of ["", "127.0.0.1", "192.168.1.1", "@*offer.example", "203.0.113.0/23", "2a02:db8::/48", "a b"]) {
      assert.ok("problem" in parseSubject(text), text);
    }
  });

  test("ISO 8601 durations of weeks, days, hours and minutes", () => {
    const cases: readonly (readonly [text: string, hours: number | undefined])[] = [
      ["P14D", 336],
      ["P2W", 336],
      ["PT12H", 12],
      ["P1DT6H", 30],
      ["PT30M", 0.5],
      ["PT1H30M", 1.5],
      ["P", undefined],
      ["PT", undefined],
      ["P1M", undefined],
      ["P1Y", undefined],
      ["14", undefined],
      ["P-1D", undefined],
      ["P1D ", undefined],
    ];
    for (const [text, hours] of cases) {
      assert.equal(parseDuration(text), hours === undefined ? undefined : hours * 3_600_000, text);
    }
  });
});
