import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { idFromUuid } from "@mailfold/ids";
import { buildApiSchema } from "../graphql/schema.ts";
import { graphql, platformCaller, startTestApi } from "../test-support/api-test-world.ts";
import { operationsWorld } from "../test-support/operations-test-world.ts";
import { eventOf, rule } from "../test-support/undo-test-world.ts";

interface Side {
  readonly value: unknown;
  readonly scope: string;
  readonly event: string | null;
}
interface Difference {
  readonly part: string;
  readonly name: string;
  readonly list: string | null;
  readonly before: Side | null;
  readonly after: Side | null;
  readonly changedBy: { readonly id: string; readonly actor: { readonly type: string } } | null;
}

describe("policyDiff", () => {
  const house = operationsWorld();

  /** Differences of a scope from one moment to another, over the API. */
  async function diff(
    scope: string,
    between: { readonly from: string; readonly to?: string },
    token?: string,
  ): Promise<readonly Difference[]> {
    buildApiSchema();
    const api = await startTestApi(house.world);
    try {
      const to = between.to === undefined ? "" : `, to: {position: "${between.to}"}`;
      const side = "value scope event";
      const { data, text } = await graphql(
        api.url,
        `{ policyDiff(scope: {${scope}}, from: {position: "${between.from}"}${to}) { truncated scope { id }
           differences { part name list before { ${side} } after { ${side} } changedBy { id at actor { type } } } } }`,
        token === undefined ? {} : { token },
      );
      assert.ok(data?.policyDiff, text);
      assert.equal(data.policyDiff.truncated, false);
      return data.policyDiff.differences;
    } finally {
      await api.close();
    }
  }
  const here = async () => `${await house.world.store.epoch()}.${await house.world.store.head()}`;
  const set = (scope: object, values: Record<string, unknown>, unset: readonly string[] = []) =>
    house.operations.policyUpdate(platformCaller, { scope, set: values, unset });
  const brief = (differences: readonly Difference[]) =>
    differences.map(({ part, name, before, after }) => [part, name, before?.value ?? null, after?.value ?? null]);

  test("settings, rules and entries that differ, with both sides and who changed them", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const scope = { tenantId };
    const first = await set(scope, { spf: "reject", quarantineDays: 9, rules: [rule("a"), rule("b")] });
    const kept = await house.operations.senderEntryAdd(platformCaller, { scope, list: "kill", pattern: "@k.example" });
    const gone = await house.operations.senderEntryAdd(platformCaller, { scope, list: "kill", pattern: "@g.example" });
    const from = await here();
    await set(scope, { spf: "off" });
    const second = await set(scope, { spf: "score", rules: [rule("a"), rule("b", "other"), rule("c")] });
    const third = await set(scope, { quarantineDays: 9 }, ["rules"]);
    const fourth = await set(scope, { rules: [rule("c"), rule("a")] }, ["quarantineDays"]);
    await house.operations.senderEntryAdd(platformCaller, { scope, list: "kill", pattern: "@k.example", note: "n" });
    const removed = await house.operations.senderEntryRemove(platformCaller, { entryId: gone.value?.entryId ?? "" });
    const passing = await house.operations.senderEntryAdd(platformCaller, {
      scope,
      list: "accept",
      pattern: "@p.example",
    });
    await house.operations.senderEntryRemove(platformCaller, { entryId: passing.value?.entryId ?? "" });
    const found = await diff(`tenantId: "${tenantId}"`, { from });
    assert.deepEqual(
      found.map(({ part, name, changedBy }) => [part, name, changedBy?.id]),
      [
        ["SETTING", "spf", eventOf(second)],
        ["SETTING", "quarantineDays", eventOf(fourth)],
        ["RULE", "b", eventOf(third)],
        ["RULE", "c", eventOf(fourth)],
        ["ENTRY", "@g.example", eventOf(removed)],
        ["ENTRY", "@k.example", found.at(-1)?.after?.event],
      ],
    );
    assert.deepEqual(found[0]?.before, { value: "reject", scope: tenantId, event: eventOf(first) });
    assert.deepEqual(found[0]?.after, { value: "score", scope: tenantId, event: eventOf(second) });
    assert.deepEqual(found[1]?.after, { value: 30, scope: "default", event: null });
    assert.deepEqual([found[2]?.before?.value, found[2]?.after], [rule("b"), null]);
    assert.deepEqual(found[4]?.before?.event, eventOf(gone));
    assert.deepEqual(found[5]?.before?.event, eventOf(kept));
    assert.equal(found[0]?.changedBy?.actor.type, "platform");
    assert.deepEqual(await diff(`tenantId: "${tenantId}"`, { from: await here() }), [], "nothing since");
    assert.deepEqual(brief(await diff(`tenantId: "${tenantId}"`, { from, to: from })), []);
  });

  test("inherited changes stand where they were set; above the reader's subtree they are masked", async () => {
    const { tenantId, domainId } = await house.tenantWithDomain();
    const token = await house.operations.tokenCreate(platformCaller, { name: "t", scope: { tenantId } });
    const from = await here();
    const opened = await set({ platform: true }, { dmarc: "off", rules: [rule("secret")] });
    const own = await set({ tenantId }, { spf: "off" });
    const killed = { scope: { platform: true }, list: "kill", pattern: "@p.example" } as const;
    await house.operations.senderEntryAdd(platformCaller, killed);
    const mine = { scope: { tenantId }, list: "kill", pattern: "@t.example" } as const;
    await house.operations.senderEntryAdd(platformCaller, mine);
    const scope = `domainId: "${domainId}"`;
    const all = await diff(scope, { from });
    assert.deepEqual(
      all.map(({ part, name, after, changedBy }) => [part, name, after?.scope, changedBy !== null]),
      [
        ["SETTING", "spf", tenantId, true],
        ["SETTING", "dmarc", "platform", true],
        ["RULE", "secret", "platform", true],
        ["ENTRY", "@t.example", tenantId, true],
        ["ENTRY", "@p.example", "platform", true],
      ],
    );
    assert.equal(all[1]?.changedBy?.id, eventOf(opened));
    const seen = await diff(scope, { from }, token.value?.secret ?? "");
    const hidden = { value: null, scope: "platform policy", event: null };
    assert.deepEqual(
      seen.map(({ part, name, after, changedBy }) => [part, name, after, changedBy?.id ?? null]),
      [
        ["SETTING", "spf", { value: "off", scope: tenantId, event: eventOf(own) }, eventOf(own)],
        ["SETTING", "dmarc", { ...hidden, value: "off" }, null],
        ["SETTING", "rules", hidden, null],
        ["ENTRY", "@t.example", seen[3]?.after, seen[3]?.changedBy?.id],
      ],
    );
    assert.doesNotMatch(JSON.stringify(seen), /secret|@p\.example|"scope":"platform"/);
  });

  test("limits differ on their own: at the scope that sets them and at those below", async () => {
    const { tenantId, resellerId } = await house.tenantWithDomain();
    const from = await here();
    const data = { scope: { kind: "reseller", id: resellerId }, set: { spf: { locked: true } }, unset: [] };
    const id = "00000000-0000-4000-8000-000000000002";
    const metadata = { actor: { type: "system", id: "test" }, resellerId: resellerId as never } as const;
    const event = { id, type: "PolicyLimitsChanged", data, metadata, occurredAt: 1_000 };
    await house.world.store.append({ stream: `policy-${resellerId}`, expected: "any", events: [event] });
    await house.world.fold();
    const expected = { value: { locked: true }, scope: resellerId, event: idFromUuid("event", id) };
    for (const scope of [`resellerId: "${resellerId}"`, `tenantId: "${tenantId}"`]) {
      const [limit, ...more] = await diff(scope, { from });
      assert.deepEqual([limit?.part, limit?.name, limit?.before, limit?.after], ["LIMIT", "spf", null, expected]);
      assert.deepEqual([limit?.changedBy?.id, more], [idFromUuid("event", id), []]);
    }
  });

  test("a list of more changes than are shown says so, and shows both sides of those", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const scope = { tenantId };
    const pattern = (index: number) => `@e${String(index).padStart(3, "0")}.example`;
    for (let index = 0; index < 510; index += 1) {
      await house.operations.senderEntryAdd(platformCaller, { scope, list: "kill", pattern: pattern(index) });
    }
    const from = await here();
    const again = await house.operations.senderEntryAdd(platformCaller, {
      scope,
      list: "kill",
      pattern: pattern(5),
      note: "x",
    });
    const brief = await diff(`tenantId: "${tenantId}"`, { from });
    assert.deepEqual(
      brief.map(({ name, after }) => [name, after?.event]),
      [[pattern(5), eventOf(again)]],
    );
    await assert.rejects(diff(`tenantId: "${tenantId}"`, { from: await firstPosition() }), /true !== false/);
  });
  const firstPosition = async () => {
    for await (const event of house.world.store.readAll({ limit: 1 })) {
      return `${await house.world.store.epoch()}.${event.position}`;
    }
    throw new Error("an empty log");
  };
});
