import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TenantId } from "@mailfold/kernel";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, count, operationsWorld } from "../test-support/operations-test-world.ts";

const rule = (name: string, more: object = {}) => ({
  name,
  all: [{ field: "subject", operator: "contains", value: name }],
  actions: [{ do: "tag", text: `[${name}]` }],
  ...more,
});

describe("rules of a scope", () => {
  const house = operationsWorld();
  const names = (tenantId: string) =>
    house.world.deps.policy
      .current()
      .rules({ tenantId: tenantId as TenantId })
      .flatMap(({ rules }) => rules.map((each) => (each as { name: string }).name))
      .join(" ");
  const save = (tenantId: string, name: string, more: object = {}) =>
    house.operations.ruleSave(platformCaller, { scope: { tenantId }, rule: rule(name), ...more });

  test("a new rule is last, a known one keeps its place, `before` moves it", async () => {
    const { tenantId } = await house.tenantWithDomain();
    for (const name of ["a", "b", "c"]) assert.deepEqual(codes(await save(tenantId, name)), []);
    assert.equal(names(tenantId), "a b c");
    const changed = await save(tenantId, "b", { rule: rule("b", { enabled: false }) });
    assert.deepEqual([changed.receipt?.events.length, names(tenantId)], [1, "a b c"]);
    assert.deepEqual(changed.value, {
      scope: { kind: "tenant", id: tenantId },
      rule: {
        name: "b",
        enabled: false,
        all: [{ field: "subject", operator: "contains", values: ["b"] }],
        actions: [{ do: "tag", text: "[b]" }],
      },
    });
    await save(tenantId, "c", { before: "a" });
    assert.equal(names(tenantId), "c a b");
    await save(tenantId, "c", { before: "" });
    await save(tenantId, "d", { before: "b" });
    assert.equal(names(tenantId), "a d b c");
    for (const before of ["nobody", "a"]) {
      const refused = await save(tenantId, "a", { before });
      assert.deepEqual([codes(refused), refused.errors[0]?.path], [["NOT_FOUND"], ["before"]]);
    }
    const same = await save(tenantId, "a");
    assert.deepEqual([codes(same), same.receipt?.events], [[], []]);
  });

  test("deleting the last one leaves nothing set; one that is not there is not found", async () => {
    const { tenantId } = await house.tenantWithDomain();
    await save(tenantId, "a");
    const scope = { tenantId };
    const missing = await house.operations.ruleDelete(platformCaller, { scope, name: "b" });
    assert.deepEqual([codes(missing), missing.errors[0]?.path], [["NOT_FOUND"], ["name"]]);
    const deleted = await house.operations.ruleDelete(platformCaller, { scope, name: "a" });
    assert.deepEqual([codes(deleted), deleted.value], [[], { kind: "tenant", id: tenantId }]);
    const setting = house.world.deps.policy
      .current()
      .effective({ tenantId: tenantId as TenantId })
      .find(({ name }) => name === "rules");
    assert.equal(setting?.setAtScope, "default");
  });

  test("every problem has its path; nothing is written", async () => {
    const { tenantId, domainId } = await house.tenantWithDomain();
    const before = await count(house.world.store);
    const all = [{ field: "subject", operator: "matches", value: "(" }, { field: "hue" }];
    const refused = await save(tenantId, "a", { rule: rule("a", { all }) });
    assert.deepEqual(
      refused.errors.map(({ code, path }) => `${code} ${path?.join(".")}`),
      ["RULE_INVALID rule.all.0.value", "RULE_INVALID rule.all.1.field"],
    );
    const outbound = await house.operations.ruleSave(platformCaller, {
      scope: { domainId },
      rule: rule("out", { direction: "outbound" }),
    });
    assert.deepEqual(outbound.errors[0]?.path, ["rule", "direction"]);
    assert.equal(await count(house.world.store), before);
  });

  test("a scope holds 200 rules at most", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const rules = Array.from({ length: 200 }, (_, index) => rule(`r${index}`));
    const set = await house.operations.policyUpdate(platformCaller, { scope: { tenantId }, set: { rules } });
    assert.deepEqual(codes(set), []);
    const refused = await save(tenantId, "one more");
    assert.deepEqual([codes(refused), refused.errors[0]?.path], [["RULE_INVALID"], ["rule"]]);
    assert.deepEqual(codes(await save(tenantId, "r7", { before: "" })), []);
  });

  test("a lock above refuses saving, without a word of where beyond its kind; deleting is left", async () => {
    const { tenantId, resellerId } = await house.tenantWithDomain();
    await save(tenantId, "a");
    const limits = { rules: { locked: true } };
    await house.operations.policyUpdate(platformCaller, { scope: { resellerId }, limits });
    const caller = { ...platformCaller, subject: "t", scope: { kind: "tenant", id: tenantId as TenantId } } as const;
    const refused = await house.operations.ruleSave(caller, { scope: { tenantId }, rule: rule("b") });
    assert.deepEqual(codes(refused), ["SETTING_LOCKED"]);
    assert.deepEqual([refused.errors[0]?.path, refused.errors[0]?.details], [["scope"], { limitedAt: "reseller" }]);
    assert.deepEqual(codes(await house.operations.ruleDelete(caller, { scope: { tenantId }, name: "a" })), []);
  });

  test("dryRun writes nothing; a retry answers the first result and refuses another input", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const before = await count(house.world.store);
    const tried = await save(tenantId, "a", { dryRun: true });
    assert.deepEqual([codes(tried), tried.receipt?.dryRun, await count(house.world.store)], [[], true, before]);
    const first = await save(tenantId, "a", { commandId: "c1" });
    assert.equal(first.receipt?.replayed, false);
    await save(tenantId, "b");
    const again = await save(tenantId, "a", { commandId: "c1" });
    assert.deepEqual([again.receipt?.replayed, again.value], [true, first.value]);
    assert.deepEqual(codes(await save(tenantId, "z", { commandId: "c1" })), ["COMMAND_REUSED"]);
    const remove = () =>
      house.operations.ruleDelete(platformCaller, { scope: { tenantId }, name: "a", commandId: "c2" });
    assert.equal((await remove()).receipt?.replayed, false);
    assert.deepEqual([codes(await remove()), (await remove()).receipt?.replayed], [[], true]);
  });

  test("admins who save at once all count", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const saved = await Promise.all(["a", "b", "c", "d", "e"].map((name) => save(tenantId, name)));
    assert.deepEqual(saved.flatMap(codes), []);
    assert.equal(names(tenantId).split(" ").sort().join(" "), "a b c d e");
  });
});
