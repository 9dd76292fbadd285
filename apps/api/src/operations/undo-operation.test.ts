import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { idFromUuid } from "@mailfold/ids";
import type { TenantId } from "@mailfold/kernel";
import type { Caller } from "../caller.ts";
import { toCloudEvent } from "../feed/cloud-event.ts";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, operationsWorld } from "../test-support/operations-test-world.ts";
import { allEvents, eventOf, eventsOf, rule, stateOf } from "../test-support/undo-test-world.ts";
import { undoTokenOf } from "./undo-target.ts";

describe("undo", () => {
  const house = operationsWorld();
  const set = (tenantId: string, values: Record<string, unknown>, unset: readonly string[] = []) =>
    house.operations.policyUpdate(platformCaller, { scope: { tenantId }, set: values, unset });
  const undo = (event: string, more: { dryRun?: boolean; commandId?: string } = {}) =>
    house.operations.undo(platformCaller, { event, ...more });

  test("a setting returns to what stood before, or inherits again; the new event says what it takes back", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const first = await set(tenantId, { spf: "reject", quarantineDays: 10 });
    const before = stateOf(house.world, tenantId);
    const second = await set(tenantId, { spf: "off", refuseNullSender: true }, ["quarantineDays"]);
    const preview = await undo(eventOf(second), { dryRun: true });
    assert.deepEqual(
      preview.value?.differences.map(({ part, name, before, after }) => [part, name, before?.value, after?.value]),
      [
        ["setting", "spf", "off", "reject"],
        ["setting", "refuseNullSender", true, undefined],
        ["setting", "quarantineDays", undefined, 10],
      ],
    );
    assert.equal(idFromUuid("event", preview.value?.differences[0]?.after?.byEvent ?? ""), eventOf(first));
    assert.notDeepEqual(stateOf(house.world, tenantId), before, "a preview changes nothing");
    const undone = await undo(eventOf(second));
    assert.deepEqual(undone.value, preview.value);
    assert.deepEqual(stateOf(house.world, tenantId), before);
    const last = (await allEvents(house.world)).at(-1);
    assert.deepEqual([last?.type, last?.metadata.undoes], ["PolicySettingsChanged", eventsOf(second)[0]?.id]);
    assert.equal(last && toCloudEvent(last, 1).undoes, eventOf(second), "the live feed says so, too");
  });

  test("what was changed since is not overwritten: the refusal names the later event", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const first = await set(tenantId, { spf: "reject", dmarc: "off" });
    const other = await set(tenantId, { quarantineDays: 9 });
    const second = await set(tenantId, { spf: "off" });
    const refused = await undo(eventOf(first));
    assert.deepEqual(codes(refused), ["UNDO_CONFLICT"]);
    assert.deepEqual(refused.errors[0]?.details, {
      event: eventOf(second),
      type: "PolicySettingsChanged",
      name: "spf",
    });
    assert.match(refused.errors[0]?.message ?? "", /spf was changed again by evt_/);
    eventsOf(await undo(eventOf(second)));
    assert.deepEqual(
      eventsOf(await undo(eventOf(first))).length,
      1,
      "once the later one is undone, nothing is in the way",
    );
    const again = await undo(eventOf(first));
    assert.match(again.errors[0]?.message ?? "", /undone already, by evt_/);
    eventsOf(await undo(eventOf(other)));
  });

  test("is itself undone, and that again", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const changed = await set(tenantId, { spf: "reject" });
    const [states, events] = [[stateOf(house.world, tenantId)], [eventOf(changed)]];
    for (let times = 0; times < 4; times += 1) {
      const undone = await undo(events.at(-1) ?? "");
      events.push(eventOf(undone));
      states.push(stateOf(house.world, tenantId));
    }
    assert.deepEqual(states[2], states[0]);
    assert.deepEqual(states[3], states[1]);
    assert.deepEqual(states[4], states[0]);
  });

  test("entries: added goes, changed returns, removed comes back under its first id", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const entry = { scope: { tenantId }, list: "kill", pattern: "joe@ext.example" } as const;
    const { operations } = house;
    const added = await operations.senderEntryAdd(platformCaller, { ...entry, note: "rude" });
    const first = stateOf(house.world, tenantId);
    const changed = await operations.senderEntryAdd(platformCaller, { ...entry, note: "very rude" });
    eventsOf(await undo(eventOf(changed)));
    assert.deepEqual(stateOf(house.world, tenantId), first);
    const removed = await operations.senderEntryRemove(platformCaller, { entryId: added.value?.entryId ?? "" });
    assert.deepEqual(codes(await undo(eventOf(added))), ["UNDO_CONFLICT"]);
    const back = await undo(eventOf(removed));
    assert.deepEqual(stateOf(house.world, tenantId), first);
    const restored = back.value?.differences[0]?.after?.value as { readonly id: string } | undefined;
    assert.equal(restored?.id, added.value?.entryId);
    eventsOf(await undo(eventOf(added)));
    assert.deepEqual((stateOf(house.world, tenantId) as { entries: unknown[] }).entries, []);
  });

  test("an entry that expired meanwhile is not restored", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const expiresAt = house.world.deps.clock.now() + 60_000;
    const entry = { scope: { tenantId }, list: "accept", pattern: "@ext.example", expiresAt } as const;
    const added = await house.operations.senderEntryAdd(platformCaller, entry);
    const removed = await house.operations.senderEntryRemove(platformCaller, { entryId: added.value?.entryId ?? "" });
    house.world.advance(120_000);
    const refused = await undo(eventOf(removed));
    assert.deepEqual([codes(refused), refused.errors[0]?.path], [["UNDO_CONFLICT"], ["event"]]);
    assert.match(refused.errors[0]?.message ?? "", /expired at/);
  });

  test("rules: each by itself, so that another rule saved since stays", async () => {
    const { tenantId } = await house.tenantWithDomain();
    await set(tenantId, { rules: [rule("a"), rule("b"), rule("c")] });
    const changed = await set(tenantId, { rules: [rule("a"), rule("c", "other")] });
    const later = await set(tenantId, { rules: [rule("z"), rule("a", "new"), rule("c", "other")] });
    const undone = await undo(eventOf(changed));
    assert.deepEqual(
      undone.value?.differences.map(({ part, name }) => `${part} ${name}`),
      ["rule b", "rule c"],
    );
    const rulesNow = () => house.world.deps.policy.current().value({ tenantId: tenantId as TenantId }, "rules");
    assert.deepEqual(rulesNow(), [rule("z"), rule("a", "new"), rule("b"), rule("c")]);
    const clash = await set(tenantId, { rules: [rule("z"), rule("a", "newer"), rule("b"), rule("c")] });
    assert.deepEqual((await undo(eventOf(later))).errors[0]?.details?.event, eventOf(clash));
    const order = await set(tenantId, { rules: [rule("c"), rule("z"), rule("a", "newer"), rule("b")] });
    assert.deepEqual((await undo(eventOf(order))).value?.differences[0]?.before?.value, ["c", "z", "a", "b"]);
    assert.deepEqual(rulesNow(), [rule("z"), rule("a", "newer"), rule("b"), rule("c")]);
  });

  test("the ordinary checks hold: what is locked or no longer unlocked is not brought back", async () => {
    const { tenantId, resellerId } = await house.tenantWithDomain();
    const everywhere = { platform: true };
    const { operations } = house;
    const opened = await operations.policyUpdate(platformCaller, { scope: everywhere, set: { unlocks: ["anyone"] } });
    await set(tenantId, { relayMode: "anyone", spf: "off" });
    const closed = await set(tenantId, { relayMode: "none" });
    eventsOf(await undo(eventOf(opened)));
    assert.deepEqual(codes(await undo(eventOf(closed))), ["UNLOCK_REQUIRED"]);
    const scored = await set(tenantId, { spf: "score" });
    await house.world.store.append({
      stream: `policy-${resellerId}`,
      expected: "any",
      events: [
        {
          id: "00000000-0000-4000-8000-000000000001",
          type: "PolicyLimitsChanged",
          data: { scope: { kind: "reseller", id: resellerId }, set: { spf: { locked: true } }, unset: [] },
          metadata: { actor: { type: "system", id: "test" } },
          occurredAt: 1_000,
        },
      ],
    });
    await house.world.fold();
    const refused = await undo(eventOf(scored));
    assert.deepEqual(codes(refused), ["SETTING_LOCKED"]);
    assert.equal(refused.errors[0]?.details?.limitedAt, "reseller");
    const lock = await undo(idFromUuid("event", "00000000-0000-4000-8000-000000000001"));
    assert.deepEqual(
      lock.value?.differences.map(({ part, name }) => [part, name]),
      [["limit", "spf"]],
    );
    eventsOf(await undo(eventOf(scored)));
  });

  test("a retry answers the first undo; another input under its commandId is refused", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const changed = await set(tenantId, { spf: "reject" });
    const first = await undo(eventOf(changed), { commandId: "u-1" });
    const again = await undo(eventOf(changed), { commandId: "u-1" });
    assert.equal(again.receipt?.replayed, true);
    assert.deepEqual([again.value, again.receipt?.events], [first.value, first.receipt?.events]);
    const other = await undo(eventOf(first), { commandId: "u-1" });
    assert.deepEqual(codes(other), ["COMMAND_REUSED"]);
  });

  test("foreign and missing events answer alike; other kinds of events are named as such", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const changed = await set(tenantId, { spf: "reject" });
    const atPlatform = await house.operations.policyUpdate(platformCaller, {
      scope: { platform: true },
      set: { spf: "off" },
    });
    const stranger: Caller = {
      ...platformCaller,
      scope: { kind: "tenant", id: "ten_00000000000000000000000001" as TenantId },
    };
    const owner: Caller = { ...platformCaller, scope: { kind: "tenant", id: tenantId as TenantId } };
    const asked = (caller: Caller, event: string) => house.operations.undo(caller, { event });
    const missing = await asked(stranger, idFromUuid("event", "00000000-0000-4000-8000-00000000000f"));
    assert.deepEqual(codes(missing), ["NOT_FOUND"]);
    assert.deepEqual(await asked(stranger, eventOf(changed)), missing);
    assert.deepEqual(await asked(owner, eventOf(atPlatform)), missing);
    assert.deepEqual(await asked(owner, "nonsense"), missing);
    const created = (await allEvents(house.world)).find(({ type }) => type === "DomainAdded");
    const unsupported = await undo(idFromUuid("event", created?.id ?? ""));
    assert.deepEqual(codes(unsupported), ["UNDO_UNSUPPORTED"]);
    assert.deepEqual(codes(await house.operations.undo(owner, {})), ["INVALID_INPUT"]);
    assert.deepEqual(codes(await house.operations.undo(owner, { undoToken: "undo_" })), ["NOT_FOUND"]);
    eventsOf(await asked(owner, eventOf(changed)));
  });

  test("a receipt's token takes the whole command back", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const before = stateOf(house.world, tenantId);
    const changed = await set(tenantId, { spf: "reject", dmarc: "off" });
    const undoToken = undoTokenOf(eventsOf(changed));
    assert.match(undoToken ?? "", /^undo_evt_/);
    eventsOf(await house.operations.undo(platformCaller, { undoToken }));
    assert.deepEqual(stateOf(house.world, tenantId), before);
    assert.equal(undoTokenOf([{ id: "x", type: "TenantCreated" }]), null);
    assert.equal(undoTokenOf([]), null);
  });
});
