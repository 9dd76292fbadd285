import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createEventCodec, streams } from "@mailfold/events";
import { newId, uuidV7 } from "@mailfold/ids";
import { openEmbeddedJournal } from "@mailfold/journal";
import type { DomainId, NewEvent, TenantId } from "@mailfold/kernel";
import { openKeys } from "@mailfold/keys";
import { openReadStore } from "@mailfold/read-store";
import { createLogger } from "@mailfold/telemetry";
import { keepHouse } from "./keep-house.ts";
import { createProjector } from "./projector-module.ts";
import { projections } from "./views.ts";

const dayMs = 86_400_000;
const tenantId = newId("tenant") as TenantId;

async function openWorld(dataDir: string, clock: { now(): number }) {
  const codec = createEventCodec(openKeys({ dir: join(dataDir, "keys") }));
  const journal = await openEmbeddedJournal({ dataDir, codec, clock });
  const parts = await createProjector({ dataDir, eventStore: "embedded" });
  const rows = await openReadStore({ path: join(dataDir, "views.db"), clock, projector: { parts } });
  const append = (stream: string, events: readonly Pick<NewEvent, "type" | "data">[]) =>
    journal.events.append({
      stream,
      expected: "any",
      events: events.map((event) => ({
        id: uuidV7(),
        metadata: { tenantId, actor: { type: "system", id: "test" } },
        occurredAt: clock.now(),
        ...event,
      })),
    });
  const caughtUp = async () =>
    assert.ok(
      await rows.waitFor(await journal.events.head(), {
        projections: projections.map(({ name }) => name),
        timeoutMs: 10_000,
      }),
    );
  return {
    journal,
    rows,
    append,
    caughtUp,
    async types(stream: string) {
      const types: string[] = [];
      for await (const event of journal.events.readStream(stream)) types.push(event.type);
      return types;
    },
    async close() {
      await rows.close();
      await journal.close();
    },
  };
}

function added(name: string): Pick<NewEvent, "type" | "data"> & { readonly data: { readonly domainId: DomainId } } {
  const domainId = newId("domain") as DomainId;
  return { type: "DomainAdded", data: { domainId, tenantId, name, verificationValue: "v" } } as never;
}

test("a round ends unverified claims of 14 days, drops traffic and held copies of 90 days, and views equal a rebuild", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mailfold-house-"));
  const clock = { time: Date.UTC(2026, 2, 1), now: () => clock.time };
  const world = await openWorld(dataDir, clock);
  const deps = { journal: world.journal, rows: world.rows, clock, log: createLogger("silent") };
  try {
    const verified = added("proven.test");
    await world.append(streams.domain("unproven.test"), [added("unproven.test")]);
    await world.append(streams.domain("proven.test"), [
      verified,
      {
        type: "DomainVerified",
        data: { domainId: verified.data.domainId, tenantId, name: "proven.test", method: "dns" },
      },
    ]);
    const verdicts = streams.verdict(tenantId, clock.time);
    const repeated = { prefix: "192.0.2.0/24", reason: "unknown-recipient", count: 3, samples: [] };
    const flood = { type: "VerdictsRepeated", data: { ...repeated, from: clock.time, to: clock.time } };
    await world.append(verdicts, [flood]);
    const held = streams.quarantine(tenantId, clock.time);
    await world.append(held, [{ type: "HeldMessageSettled", data: { holdId: uuidV7(), outcome: "expired" } }]);
    await world.caughtUp();

    clock.time += 14 * dayMs - 1;
    await keepHouse(deps);
    assert.deepEqual(await world.types(streams.domain("unproven.test")), ["DomainAdded"], "not a moment too soon");
    clock.time += 1;
    await keepHouse(deps);
    await keepHouse(deps);
    assert.deepEqual(await world.types(streams.domain("unproven.test")), ["DomainAdded", "DomainClaimLapsed"]);
    assert.deepEqual(await world.types(streams.domain("proven.test")), ["DomainAdded", "DomainVerified"]);

    clock.time += 70 * dayMs;
    await keepHouse(deps);
    assert.equal((await world.types(verdicts)).length, 1, "84 days old");
    clock.time += 7 * dayMs;
    await keepHouse(deps);
    assert.deepEqual([await world.types(verdicts), await world.types(held)], [[], []]);
    await world.caughtUp();
    for (const projection of projections) {
      const live = await world.rows.hash(projection);
      await world.rows.rebuild(projection.name);
      assert.equal(await world.rows.hash(projection), live, projection.name);
    }
  } finally {
    await world.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
