import assert from "node:assert/strict";
import type { Decider, DomainEvent } from "@mailfold/kernel";
import fc from "fast-check";
import type { RefusalCode } from "./refusals.ts";
import { refusals } from "./refusals.ts";

/** For tests: given events, when a command comes, then these events or this refusal. */
export function specify<C, E extends DomainEvent, S>(decider: Decider<C, E, S, RefusalCode>) {
  return {
    given: (...history: readonly E[]) => ({
      when: (command: C) => {
        const state = history.reduce(decider.evolve, decider.initialState);
        const decision = decider.decide(command, state);
        return {
          thenRecorded: (...events: readonly E[]) => assert.deepEqual(decision, { events }),
          thenNothing: () => assert.deepEqual(decision, { events: [] }),
          thenRefused: (code: RefusalCode, path?: readonly string[]) => {
            assert.equal(decision.refused?.code, code);
            if (path !== undefined) assert.deepEqual(decision.refused?.path, path);
          },
        };
      },
    }),
  };
}

/**
 * For tests: over generated command sequences, evolve takes what decide emits, a replay of all events gives the live
 * state, refusals are catalogued, data is plain JSON, and the state is never changed in place.
 */
export function holdsOverHistories<C, E extends DomainEvent, S>(
  decider: Decider<C, E, S, RefusalCode>,
  command: fc.Arbitrary<C>,
): void {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const log: E[] = [];
      let state = decider.initialState;
      for (const next of commands) {
        const before = structuredClone(state);
        const decision = decider.decide(next, state);
        if (decision.refused !== undefined) assert.ok(decision.refused.code in refusals, decision.refused.code);
        for (const event of decision.events ?? []) {
          assert.deepEqual(JSON.parse(JSON.stringify(event)), event);
          log.push(event);
        }
        const after = (decision.events ?? []).reduce(decider.evolve, state);
        assert.deepEqual(state, before);
        state = after;
      }
      assert.deepEqual(log.reduce(decider.evolve, decider.initialState), state);
    }),
    { numRuns: 300 },
  );
}
