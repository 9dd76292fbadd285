import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refusals } from "@mailfold/domain";
import type { HeldMessageSettled } from "@mailfold/events";
import fc from "fast-check";
import { type HeldMessageEvent, heldMessage, type ReleaseTarget } from "./held-message.ts";

const decider = heldMessage("h1");
const held = (kind: "quarantined" | "discarded" | "deferred" = "quarantined", holdId = "h1"): HeldMessageEvent =>
  ({ type: "MessageHeld", data: { holdId, kind, mailboxId: "mbx_1", expiresAt: 1_000 } }) as never;
const released = { type: "HeldMessageReleased", data: { holdId: "h1", mailboxId: "mbx_1" } } as HeldMessageEvent;
const deleted = { type: "HeldMessageDeleted", data: { holdId: "h1" } } as HeldMessageEvent;
const settled = (outcome: HeldMessageSettled["data"]["outcome"]): HeldMessageEvent => ({
  type: "HeldMessageSettled",
  data: { holdId: "h1", outcome },
});

function decide(
  history: readonly HeldMessageEvent[],
  operation: "Release" | "Delete",
  at = 10,
  mailbox?: ReleaseTarget,
) {
  const state = history.reduce(decider.evolve, decider.initialState);
  const command =
    operation === "Release"
      ? ({ type: "ReleaseHeldMessage", at, mailbox: mailbox ?? "active" } as const)
      : ({ type: "DeleteHeldMessage", at } as const);
  const decision = decider.decide(command, state);
  return decision.refused?.code ?? decision.events;
}

describe("held message", () => {
  test("is released or deleted while it is held, whatever its kind", () => {
    for (const kind of ["quarantined", "discarded", "deferred"] as const) {
      assert.deepEqual(decide([held(kind)], "Release"), [released]);
      assert.deepEqual(decide([held(kind)], "Delete"), [deleted]);
      assert.deepEqual(decide([held(kind), settled("deferred")], "Release"), [released]);
    }
  });

  test("comes to one end", () => {
    for (const end of [released, deleted, settled("delivered"), settled("rejected"), settled("expired")]) {
      for (const operation of ["Release", "Delete"] as const) {
        assert.equal(decide([held(), end], operation), "HOLD_SETTLED", `${end.type}, then ${operation}`);
      }
    }
    const both = [held(), deleted, released].reduce(decider.evolve, decider.initialState);
    assert.equal(both.status, "deleted", "the first end counts");
  });

  test("is not to be had past its time, but for a deferred one", () => {
    assert.deepEqual(decide([held()], "Release", 999), [released]);
    assert.equal(decide([held()], "Release", 1_000), "HOLD_EXPIRED");
    assert.equal(decide([held("discarded")], "Delete", 1_000), "HOLD_EXPIRED");
    assert.deepEqual(decide([held("deferred")], "Release", 1_000), [released]);
  });

  test("needs a mailbox that takes mail; thrown away it needs none", () => {
    const codes = { missing: "MAILBOX_DELETED", deleted: "MAILBOX_DELETED", suspended: "MAILBOX_SUSPENDED" } as const;
    for (const [mailbox, code] of [...Object.entries(codes), ["full", "MAILBOX_FULL"]] as [ReleaseTarget, string][]) {
      assert.equal(decide([held()], "Release", 10, mailbox), code);
      assert.ok(code in refusals);
    }
  });

  test("others in the same stream do not matter to it", () => {
    assert.equal(decide([held("quarantined", "h2")], "Release"), "NOT_FOUND");
    const others = { type: "HeldMessageDeleted", data: { holdId: "h2" } } as HeldMessageEvent;
    assert.deepEqual(decide([held(), others], "Release"), [released]);
  });

  test("whatever is asked in whatever order, it ends at most once", () => {
    const operation = fc.constantFrom<"Release" | "Delete">("Release", "Delete");
    const mailbox = fc.constantFrom<ReleaseTarget>("active", "suspended", "full", "deleted", "missing");
    fc.assert(
      fc.property(fc.array(fc.tuple(operation, mailbox, fc.nat(2_000)), { maxLength: 10 }), (commands) => {
        const log: HeldMessageEvent[] = [held()];
        for (const [each, target, at] of commands) {
          const decision = decide(log, each, at, target);
          if (typeof decision === "object") log.push(...decision);
        }
        assert.ok(log.length <= 2);
      }),
    );
  });
});
