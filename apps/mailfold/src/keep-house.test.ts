import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Append, EventStore } from "@mailfold/event-store";
import { createEventCodec, type MessageHeld, streams } from "@mailfold/events";
import { newId, uuidV7 } from "@mailfold/ids";
import { openEmbeddedJournal } from "@mailfold/journal";
import type { DomainId, NewEvent, TenantId } from "@mailfold/kernel";
import { openKeys } from "@mailfold/keys";
import { quarantine } from "@mailfold/projection-quarantine";
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

test("a round ends held copies past their time and lets go of bodies, but never of what is released at this moment", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mailfold-house-"));
  const clock = { time: Date.UTC(2026, 2, 1), now: () => clock.time };
  const world = await openWorld(dataDir, clock);
  const deps = { journal: world.journal, rows: world.rows, clock, log: createLogger("silent") };
  try {
    const hold = async (days: number, kind: MessageHeld["data"]["kind"] = "quarantined") => {
      const bytes = Buffer.from(`Subject: ${uuidV7()}\r\n\r\nx`);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const ref = { tenantId, sha256, sizeBytes: bytes.length };
      const holdId = uuidV7();
      const data = {
        holdId,
        kind,
        transactionId: newId("message"),
        verdictId: newId("verdict"),
        recipient: "bob@a.test",
        sender: "eve@spam.test",
        mailboxId: newId("mailbox"),
        body: ref,
        prefix: "",
        sizeBytes: bytes.length,
        expiresAt: clock.time + days * dayMs,
        facts: {},
        attempt: 0,
      };
      const stream = streams.hold(tenantId, holdId);
      const metadata = { tenantId, actor: { type: "system", id: "test" } } as const;
      const event = { id: uuidV7(), type: "MessageHeld", data, metadata, occurredAt: clock.time };
      await world.journal.commit({
        bodies: [{ ref, bytes }],
        appends: [{ stream, expected: "none", events: [event] }],
        holds: [{ stream, ref }],
      });
      return { holdId, stream, ref };
    };
    const [short, long, deferred] = [await hold(7), await hold(30), await hold(1, "deferred")];
    const released = await hold(30);
    await world.append(released.stream, [
      { type: "HeldMessageReleased", data: { holdId: released.holdId, mailboxId: newId("mailbox") } },
    ]);
    await world.caughtUp();
    const kept = async (copy: typeof short) => (await world.journal.bodies.read(copy.ref)) !== undefined;

    clock.time += 7 * dayMs - 1;
    await keepHouse(deps);
    assert.deepEqual(await world.types(short.stream), ["MessageHeld"], "not a moment too soon");
    clock.time += 1;
    await keepHouse(deps);
    await world.caughtUp();
    await keepHouse(deps);
    assert.deepEqual(await world.types(short.stream), ["MessageHeld", "HeldMessageSettled"]);
    assert.deepEqual(await world.types(deferred.stream), ["MessageHeld"], "the judge's");
    const row = world.rows.get(quarantine, "holds", { holdId: short.holdId });
    assert.deepEqual([row?.status, row?.settledBy], ["expired", "quarantine"]);
    clock.time += 2 * dayMs;
    await keepHouse(deps);
    assert.deepEqual([await kept(short), await kept(long), await kept(deferred)], [false, true, true]);
    assert.equal(await kept(released), true, "ended too long ago for this round: it goes with its stream");

    // Ended by an admin whose process was stopped before it could let go of the body.
    await world.append(long.stream, [{ type: "HeldMessageDeleted", data: { holdId: long.holdId } }]);
    await world.caughtUp();
    await keepHouse(deps);
    clock.time += 2 * dayMs;
    await keepHouse(deps);
    assert.equal(await kept(long), false);

    const race = await hold(0);
    await world.caughtUp();
    const log = world.journal.events;
    const release = { type: "HeldMessageReleased", data: { holdId: race.holdId, mailboxId: newId("mailbox") } };
    const events = {
      readStream: log.readStream.bind(log),
      expire: log.expire.bind(log),
      append: async (append: Append) => {
        if (append.stream === race.stream) await world.append(race.stream, [release]);
        return log.append(append);
      },
    } as unknown as EventStore;
    await keepHouse({ ...deps, journal: { bodies: world.journal.bodies, events } });
    assert.deepEqual(await world.types(race.stream), ["MessageHeld", "HeldMessageReleased"]);
  } finally {
    await world.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

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

test("traffic stays until blacklists have learned from it, and not for ever", async () => {
  const clock = { now: () => Date.UTC(2026, 5, 1) };
  const asked: number[] = [];
  const expire = async (_class: string, before: number) => {
    asked.push(before);
    return 0;
  };
  const journal = { events: { expire }, bodies: { free: async () => ({ bodies: 0, bytes: 0 }) } } as never;
  const rows = { dropExpired: async () => {}, selectAsync: async () => [] } as never;
  const due = clock.now() - 90 * dayMs;
  for (const learnedUntil of [clock.now(), due - 3 * dayMs, 0]) {
    await keepHouse({ journal, rows, clock, log: createLogger("silent"), learnedUntil: () => learnedUntil });
  }
  assert.deepEqual(asked, [due, due - 3 * dayMs, due - 30 * dayMs]);
});
