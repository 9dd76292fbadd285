import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeyedFold, Position, RecordedEvent } from "@mailfold/kernel";
import type { FoldSnapshot } from "./fold-snapshots.ts";
import { foldEvent, loadState, saveState } from "./fold-states.ts";

const world = { restoredAt: 0 };
/** A state of `bytesPerEvent` octets for each event. */
const growing = (bytesPerEvent: number): KeyedFold<{ count: number }, void> => ({
  name: "growing",
  version: 1,
  category: "mail",
  initial: () => ({ count: 0 }),
  apply: (state) => ({ state: { count: state.count + 1 }, outcome: undefined }),
  serialize: ({ count }) => new Uint8Array(count * bytesPerEvent),
  deserialize: (bytes) => ({ count: bytes.length / bytesPerEvent }),
});
const event = (revision: number): RecordedEvent => ({
  id: `event-${revision}`,
  type: "MessageDelivered",
  data: {},
  stream: "mail-mbx_1",
  revision,
  position: String(revision).padStart(16, "0") as Position,
  occurredAt: 0,
  metadata: { actor: { type: "system", id: "test" } },
});

function snapshotsOf(bytesPerEvent: number, events: number): readonly FoldSnapshot[] {
  const saved: FoldSnapshot[] = [];
  const fold = growing(bytesPerEvent);
  const folded = loadState(fold, "mbx_1", { load: () => undefined }, world);
  for (let revision = 0; revision < events; revision += 1) {
    foldEvent(fold, folded, event(revision));
    saveState(fold, folded, { save: (snapshot) => saved.push(snapshot) }, { world, eventsMin: 500 });
  }
  return saved;
}

describe("snapshots of a state", () => {
  test("a small state: every 500 events", () => {
    assert.deepEqual(
      snapshotsOf(1, 2_000).map(({ revision }) => revision),
      [499, 999, 1_499, 1_999],
    );
  });

  test("a state that grows to 50,000 messages writes few times its own size in all", () => {
    const saved = snapshotsOf(550, 50_000);
    const written = saved.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    assert.ok(written < 6 * 50_000 * 550, `${written} octets`);
    assert.ok(50_000 - (saved.at(-1)?.revision ?? 0) < 13_000, "a start folds about a quarter of the stream at most");
  });
});
