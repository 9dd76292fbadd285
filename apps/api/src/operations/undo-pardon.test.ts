import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { idFromUuid } from "@mailfold/ids";
import { platformCaller } from "../test-support/api-test-world.ts";
import { codes, operationsWorld } from "../test-support/operations-test-world.ts";
import { allEvents, eventOf } from "../test-support/undo-test-world.ts";

describe("undo of a pardon", () => {
  const house = operationsWorld();
  const undo = (event: string) => house.operations.undo(platformCaller, { event });
  const grant = (tenantId: string, forDuration: string) =>
    house.operations.senderPardon(platformCaller, {
      scope: { tenantId },
      subject: "203.0.113.7",
      forDuration,
      reason: "our bank",
    });

  test("lifts it; undone in turn, the sender is forgiven again for the rest of the time", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const granted = await grant(tenantId, "P14D");
    const lifted = await undo(eventOf(granted));
    const [difference] = lifted.value?.differences ?? [];
    assert.deepEqual([difference?.part, difference?.name, difference?.after], ["pardon", "203.0.113.7", undefined]);
    assert.equal((await allEvents(house.world)).at(-1)?.type, "PardonLifted");
    assert.deepEqual(codes(await undo(eventOf(granted))), ["UNDO_CONFLICT"]);
    const again = await undo(eventOf(lifted));
    const events = await allEvents(house.world);
    const first = events.find(({ id }) => idFromUuid("event", id) === eventOf(granted));
    assert.deepEqual(events.at(-1)?.data, first?.data);
    assert.equal(idFromUuid("event", events.at(-1)?.metadata.undoes ?? ""), eventOf(lifted));
    assert.deepEqual(codes(again), []);
  });

  test("is refused once it is over, and where it took an earlier one's place", async () => {
    const { tenantId } = await house.tenantWithDomain();
    const granted = await grant(tenantId, "P1D");
    const longer = await grant(tenantId, "P2D");
    assert.deepEqual(codes(await undo(eventOf(longer))), ["UNDO_UNSUPPORTED"]);
    assert.deepEqual(codes(await undo(eventOf(granted))), ["UNDO_CONFLICT"]);
    const pardonId = longer.value?.pardon.pardonId ?? "";
    const lifted = await house.operations.senderPardonLift(platformCaller, { pardonId });
    house.world.advance(3 * 86_400_000);
    assert.deepEqual(codes(await undo(eventOf(lifted))), ["UNDO_CONFLICT"]);
  });
});
