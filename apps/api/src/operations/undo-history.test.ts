import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { idFromUuid } from "@mailfold/ids";
import type { RecordedEvent } from "@mailfold/kernel";
import fc from "fast-check";
import { type ApiWorld, createApiWorld, platformCaller } from "../test-support/api-test-world.ts";
import { codes } from "../test-support/operations-test-world.ts";
import { allEvents, eventOf, rule, stateOf } from "../test-support/undo-test-world.ts";
import { createOperations } from "./create-operations.ts";
import type { OperationOutcome } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";

type Act = (operations: Operations, tenantId: string) => Promise<OperationOutcome<unknown>>;
const settingAct = fc
  .record({
    set: fc.dictionary(
      fc.constantFrom("spf", "refuseNullSender", "quarantineDays", "rules"),
      fc.constantFrom<unknown>("off", "reject", true, false, 3, 9, [], [rule("a")], [rule("b"), rule("a")]),
      { maxKeys: 2 },
    ),
    unset: fc.subarray(["spf", "quarantineDays", "rules"]),
  })
  .map(
    ({ set, unset }): Act =>
      (operations, tenantId) =>
        operations.policyUpdate(platformCaller, {
          scope: { tenantId },
          set,
          unset: unset.filter((name) => !(name in set)),
        }),
  );
const entryAct = fc
  .record({
    list: fc.constantFrom("accept" as const, "kill" as const),
    pattern: fc.constantFrom("joe@ext.example", "192.0.2.7"),
    note: fc.option(fc.constantFrom("one", "two"), { nil: undefined }),
    remove: fc.boolean(),
  })
  .map(
    ({ remove, ...entry }): Act =>
      (operations, tenantId) => {
        const scope = { tenantId };
        if (!remove) return operations.senderEntryAdd(platformCaller, { scope, ...entry });
        return operations
          .senderEntryAdd(platformCaller, { scope, ...entry })
          .then((added) => operations.senderEntryRemove(platformCaller, { entryId: added.value?.entryId ?? "" }));
      },
  );

describe("undo of any history", () => {
  test("undone from the last to the first, nothing is left; undone again, everything is back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(settingAct, entryAct), { maxLength: 8 }), fc.nat(), async (acts, pick) => {
        const world = await createApiWorld();
        const operations = createOperations(world.deps);
        const reseller = await operations.resellerCreate(platformCaller, { name: "ISP" });
        const resellerId = reseller.value?.resellerId ?? "";
        const tenantId =
          (await operations.tenantCreate(platformCaller, { resellerId, name: "T" })).value?.tenantId ?? "";
        const first = stateOf(world, tenantId);
        const from = (await allEvents(world)).length;
        for (const act of acts) await act(operations, tenantId);
        const last = stateOf(world, tenantId);
        const changes = (await allEvents(world)).slice(from);
        await undoAnyAndRedo({ world, operations, tenantId }, changes[pick % Math.max(1, changes.length)]);
        assert.deepEqual(stateOf(world, tenantId), last);
        const undos: string[] = [];
        for (const { id } of changes.toReversed()) {
          undos.push(eventOf(await operations.undo(platformCaller, { event: idFromUuid("event", id) })));
        }
        assert.deepEqual(stateOf(world, tenantId), first);
        for (const event of undos.toReversed()) eventOf(await operations.undo(platformCaller, { event }));
        assert.deepEqual(stateOf(world, tenantId), last);
        await world.close();
      }),
      { numRuns: 40 },
    );
  });
});

/** Any one change: refused because of a later event, or undone and redone without a trace in the state. */
async function undoAnyAndRedo(
  house: { readonly world: ApiWorld; readonly operations: Operations; readonly tenantId: string },
  change: RecordedEvent | undefined,
): Promise<void> {
  if (change === undefined) return;
  const { world, operations, tenantId } = house;
  const before = stateOf(world, tenantId);
  const undone = await operations.undo(platformCaller, { event: idFromUuid("event", change.id) });
  if (undone.errors.length > 0) {
    assert.deepEqual(codes(undone), ["UNDO_CONFLICT"]);
    assert.deepEqual(stateOf(world, tenantId), before);
    return;
  }
  eventOf(await operations.undo(platformCaller, { event: eventOf(undone) }));
  assert.deepEqual(stateOf(world, tenantId), before);
}
