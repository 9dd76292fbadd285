import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import { MemoryRows, projectionEqualsRebuild } from "@mailfold/read-store";
import fc from "fast-check";
import { shadowOf, shadows, shadowVerdicts } from "./index.ts";

const position = (number: number) => String(number).padStart(16, "0") as Position;
const scope = { kind: "tenant", id: "ten_1" } as const;
const event = (number: number, type: string, data: unknown): RecordedEvent => ({
  id: `evt-${number}`,
  type,
  stream: type === "VerdictRecorded" ? "verdict-ten_1.20260101" : "shadow-ten_1",
  revision: number,
  position: position(number),
  occurredAt: number * 10,
  data,
  metadata: { tenantId: "ten_1" as never, resellerId: "rsl_1" as never, actor: { type: "tenant", id: "tok_1" } },
});
const changes = [{ set: { spf: "reject" } }];
const started = (number: number, shadowId: string) =>
  event(number, "ShadowStarted", { shadowId, scope, changes, expiresAt: 9_000, note: "n" });
const verdict = (number: number, told: unknown) =>
  event(number, "VerdictRecorded", { verdictId: `vrd_${number}`, action: "accept", reason: "accepted", shadows: told });

describe("shadows", () => {
  test("are kept with what became of them", () => {
    const rows = new MemoryRows([shadows]);
    rows.append(started(1, "shd_1"));
    rows.append(started(2, "shd_2"));
    rows.append(event(3, "ShadowPromoted", { shadowId: "shd_1", scope }));
    const all = rows.select(shadows, "shadows", { limit: 9 }).map(shadowOf);
    assert.deepEqual(
      all.map(({ endedAt, shadowId, state }) => [shadowId, state, endedAt]),
      [
        ["shd_1", "promoted", 30],
        ["shd_2", "running", null],
      ],
    );
    assert.deepEqual(all[1]?.changes, changes);
    assert.deepEqual(all[1]?.scope, scope);
  });

  test("a verdict is counted for each shadow that judged it", () => {
    const rows = new MemoryRows([shadowVerdicts]);
    rows.append(verdict(1, [{ shadowId: "shd_1" }, { shadowId: "shd_2", action: "reject", reason: "spf-failed" }]));
    rows.append(verdict(2, undefined));
    const all = rows.select(shadowVerdicts, "verdicts", { limit: 9 });
    assert.deepEqual(
      all.map((row) => [row.shadowId, row.action, row.shadowAction, row.differs]),
      [
        ["shd_1", "accept", null, 0],
        ["shd_2", "accept", "reject", 1],
      ],
    );
  });

  test("live rows equal a rebuild, also after verdicts expired", () => {
    const id = fc.constantFrom("shd_1", "shd_2", "shd_3");
    const step = fc.oneof(
      id.map((shadowId) => ["ShadowStarted", { shadowId, scope, changes, expiresAt: 9 }] as const),
      id.map((shadowId) => ["ShadowDropped", { shadowId, scope }] as const),
      fc.uniqueArray(id).map(
        (ids) =>
          [
            "VerdictRecorded",
            {
              verdictId: "vrd_1",
              action: "accept",
              reason: "accepted",
              shadows: ids.map((shadowId) => ({ shadowId })),
            },
          ] as const,
      ),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), fc.nat(), fc.nat(), (steps, at, below) => {
        const history = steps.map(([type, data], index) => event(index + 1, type, data));
        const afterEvents = 1 + (at % history.length);
        const floors = [{ afterEvents, floor: position(1 + (below % afterEvents)) }];
        projectionEqualsRebuild(shadows, history, { floors });
        projectionEqualsRebuild(shadowVerdicts, history, { floors });
      }),
      { numRuns: 40 },
    );
  });
});
