import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import type { Caller } from "../caller.ts";
import { createShadows } from "../records/shadows.ts";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, count, operationsWorld } from "../test-support/operations-test-world.ts";

const day = 86_400_000;
const house = operationsWorld();
const rule = (name: string) => ({ name, all: [], actions: [{ do: "quarantine" }] });

/** A tenant and its own caller. */
async function tenant(name = "demo.example") {
  const { tenantId, resellerId } = await house.tenantWithDomain(platformCaller, name);
  const caller: Caller = {
    subject: `s-${tenantId}`,
    tokenId: "tok_1",
    name: "n",
    scope: { kind: "tenant", id: tenantId as never },
    context: {},
  };
  return { tenantId, resellerId, caller, scope: { tenantId } };
}

describe("shadows", () => {
  test("are started with checked changes, at most four at once, for at most 30 days", async () => {
    const { operations, world } = house;
    const { caller, scope } = await tenant();
    const changes = [{ set: { spf: "reject" } }];
    const before = await count(world.store);
    const dry = await operations.shadowStart(caller, { scope, changes, dryRun: true });
    assert.equal(dry.value?.state, "running");
    assert.equal(await count(world.store), before);
    const bad = [
      [{ changes: [] }, "INVALID_INPUT"],
      [{ changes: [{}] }, "INVALID_INPUT"],
      [{ changes: [{ set: { spf: "reject" }, unset: ["spf"] }] }, "INVALID_INPUT"],
      [{ changes: [{ set: { vrfy: 502 } }] }, "SETTING_NOT_AT_SCOPE"],
      [{ changes: [{ set: { nonsense: 1 } }] }, "SETTING_UNKNOWN"],
      [{ changes: [{ entryAdd: { list: "kill" as const, pattern: "a b" } }] }, "PATTERN_INVALID"],
      [{ changes: [{ entryRemove: { list: "kill" as const, pattern: "@x.example" } }] }, "NOT_FOUND"],
      [{ changes: [{ ruleSave: { rule: { name: "x", all: [], actions: [{ do: "explode" }] } } }] }, "RULE_INVALID"],
      [{ changes: [{ set: { rules: [{ name: "x" }] } }] }, "RULE_INVALID"],
      [{ changes: [{ pardon: { subject: "192.0.2.1" } }] }, "NOT_FOUND"],
      [{ expiresAt: world.deps.clock.now() + 31 * day }, "INVALID_INPUT"],
    ] as const;
    for (const [more, code] of bad) {
      assert.deepEqual(codes(await operations.shadowStart(caller, { scope, changes, ...more })), [code]);
    }
    for (let made = 0; made < 4; made++) {
      assert.deepEqual(codes(await operations.shadowStart(caller, { scope, changes })), []);
    }
    assert.deepEqual(codes(await operations.shadowStart(caller, { scope, changes })), ["SHADOWS_FULL"]);
    world.advance(8 * day);
    assert.deepEqual(codes(await operations.shadowStart(caller, { scope, changes })), []);
  });

  test("promotion makes all changes in one commit, by the ordinary deciders; dropping makes none", async () => {
    const { operations, world } = house;
    const { caller, scope, tenantId, resellerId } = await tenant();
    await operations.senderEntryAdd(caller, { scope, list: "kill", pattern: "@old.example" });
    await operations.policyUpdate(caller, { scope, set: { dmarc: "score", rules: [rule("a"), rule("b")] } });
    const changes = [
      { set: { spf: "reject" } },
      { unset: ["dmarc"] },
      { entryAdd: { list: "kill" as const, pattern: "@NEW.example" } },
      { entryAdd: { list: "accept" as const, pattern: "@new.example" } },
      { entryRemove: { list: "kill" as const, pattern: "@old.example" } },
      { ruleSave: { rule: rule("c"), before: "b" } },
      { ruleDelete: { name: "a" } },
    ];
    const dropped = await operations.shadowStart(caller, { scope, changes });
    const shadowId = dropped.value?.shadowId ?? "";
    assert.deepEqual(codes(await operations.shadowDrop(caller, { shadowId })), []);
    assert.deepEqual(codes(await operations.shadowPromote(caller, { shadowId })), ["NOT_FOUND"]);
    const path = { tenantId, resellerId } as never;
    assert.equal(world.deps.policy.current().value(path, "spf"), "score");
    const started = await operations.shadowStart(caller, { scope, changes });
    const input = { shadowId: started.value?.shadowId ?? "", commandId: "p1" };
    const promoted = await operations.shadowPromote(caller, input);
    assert.deepEqual(codes(promoted), []);
    assert.equal(promoted.value?.state, "promoted");
    const types = promoted.receipt?.events.map(({ type }) => type);
    const all = [
      "PolicySettingsChanged",
      "SenderEntryAdded",
      "SenderEntryAdded",
      "SenderEntryRemoved",
      "ShadowPromoted",
    ];
    assert.deepEqual(types?.toSorted(), all);
    assert.equal(new Set(promoted.receipt?.events.map(({ id }) => id)).size, all.length);
    const policy = world.deps.policy.current();
    assert.equal(policy.value(path, "spf"), "reject");
    assert.equal(policy.value(path, "dmarc"), "honour");
    assert.deepEqual(
      policy.rules(path).flatMap(({ rules }) => rules.map((each) => (each as { name: string }).name)),
      ["c", "b"],
    );
    const again = await operations.shadowPromote(caller, input);
    assert.equal(again.receipt?.replayed, true);
  });

  test("what became impossible since is refused whole", async () => {
    const { operations, world } = house;
    const { caller, scope, tenantId, resellerId } = await tenant();
    const entry = await operations.senderEntryAdd(caller, { scope, list: "kill", pattern: "@old.example" });
    const changes = [{ set: { spf: "reject" } }, { entryRemove: { list: "kill" as const, pattern: "@old.example" } }];
    const started = await operations.shadowStart(caller, { scope, changes });
    await operations.senderEntryRemove(caller, { entryId: entry.value?.entryId ?? "" });
    const shadowId = started.value?.shadowId ?? "";
    assert.deepEqual(codes(await operations.shadowPromote(caller, { shadowId })), ["NOT_FOUND"]);
    assert.equal(world.deps.policy.current().value({ tenantId, resellerId } as never, "spf"), "score");
  });

  test("are nobody else's business", async () => {
    const { operations, world } = house;
    const own = await tenant();
    const other = await tenant("other.example");
    const changes = [{ set: { spf: "reject" } }];
    const started = await operations.shadowStart(own.caller, { scope: own.scope, changes });
    const shadowId = started.value?.shadowId ?? "";
    const missing = { shadowId: newId("shadow") };
    for (const name of ["shadowPromote", "shadowDrop"] as const) {
      const foreign = await operations[name](other.caller, { shadowId });
      assert.deepEqual(foreign, await operations[name](other.caller, missing));
    }
    assert.deepEqual(codes(await operations.shadowStart(other.caller, { scope: own.scope, changes })), ["NOT_FOUND"]);
    assert.equal(createShadows(world.deps.rows, other.caller).find(shadowId), undefined);
    assert.ok(createShadows(world.deps.rows, own.caller).find(shadowId));
  });

  test("the report counts what differs, and shows the newest", async () => {
    const { operations, world } = house;
    const { caller, scope, tenantId } = await tenant();
    const started = await operations.shadowStart(caller, { scope, changes: [{ set: { spf: "reject" } }] });
    const shadowId = started.value?.shadowId ?? "";
    const verdicts = [undefined, undefined, "reject", "reject", "quarantine"];
    const events = verdicts.map((action) => ({
      id: crypto.randomUUID(),
      type: "VerdictRecorded",
      occurredAt: 1,
      metadata: { tenantId: tenantId as never, actor: { type: "peer" as const, id: "192.0.2.1" } },
      data: {
        verdictId: newId("verdict"),
        transactionId: newId("message"),
        action: "accept",
        code: 250,
        enhancedCode: "2.0.0",
        text: "OK",
        reason: "accepted",
        phase: "data",
        scope: "platform",
        engineVersion: 4,
        decisiveLine: { step: "content" },
        facts: {},
        shadows: [{ shadowId, ...(action === undefined ? {} : { action, reason: `${action}-reason` }) }],
      },
    }));
    await world.store.append({ stream: streams.verdict(tenantId as never, 1), expected: "any", events });
    await world.fold();
    const shadows = createShadows(world.deps.rows, caller);
    const found = shadows.find(shadowId);
    assert.ok(found);
    const report = await shadows.report(found);
    assert.deepEqual([report.total, report.same, report.isComplete], [5, 2, true]);
    assert.deepEqual(
      report.counts.map(({ count: times, from, to }) => [from.reason, to.reason, times]),
      [
        ["accepted", "reject-reason", 2],
        ["accepted", "quarantine-reason", 1],
      ],
    );
    assert.equal(report.samples[0]?.action, "quarantine");
  });
});
