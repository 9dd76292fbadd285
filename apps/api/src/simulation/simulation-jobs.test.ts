import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ResellerId, TenantId } from "@mailfold/kernel";
import { createMetrics } from "@mailfold/telemetry";
import type { Belonging, Caller } from "../caller.ts";
import type { SimulationEngine, SimulationOutcome } from "./simulation-engine.ts";
import { SimulationJobs } from "./simulation-jobs.ts";

const result = { rows: 3, changed: 1 } as unknown as Extract<SimulationOutcome, { result: unknown }>["result"];
const request = { place: { scope: { kind: "platform" }, path: {} }, changes: [], from: 0, to: 1 } as const;

/** A caller of a tenant `reseller.tenant`, of a reseller, or of the platform. */
function callerOf(name: string, token = "1"): readonly [Caller, Belonging] {
  const [reseller = "", tenant] = name.split(".");
  const resellerId = reseller as ResellerId;
  const belonging: Belonging = tenant === undefined ? { resellerId } : { resellerId, tenantId: name as TenantId };
  const scope =
    name === "platform"
      ? ({ kind: "platform" } as const)
      : tenant === undefined
        ? ({ kind: "reseller", id: resellerId } as const)
        : ({ kind: "tenant", id: name as TenantId } as const);
  const subject = `${name} ${token}`;
  return [{ subject, tokenId: subject, name, scope, context: {} }, name === "platform" ? {} : belonging];
}

function createWorld() {
  const order: string[] = [];
  const ends: ((outcome: SimulationOutcome) => void)[] = [];
  const metrics = createMetrics();
  const engine: SimulationEngine = {
    run: (_request, { progressed, signal }) =>
      new Promise((resolve) => {
        progressed({ rows: 3, rowsTotal: 5 });
        signal.addEventListener("abort", () => resolve({ cancelled: true }));
        ends.push(resolve);
      }),
  };
  const jobs = new SimulationJobs(engine, { now: () => 1_000 }, metrics);
  const start = (name: string, token?: string) => {
    const [caller, belonging] = callerOf(name, token);
    const view = jobs.start(caller, belonging, request);
    if (view === "busy" || view === undefined) return "busy";
    void (async () => {
      for await (const { state } of jobs.watch(caller, view.simulationId, new AbortController().signal)) {
        if (state === "RUNNING" && order.at(-1) !== view.simulationId) order.push(view.simulationId);
      }
    })();
    names.set(view.simulationId, name);
    return view.simulationId;
  };
  const names = new Map<string, string>();
  const drain = async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      ends.shift()?.({ result, policyEvent: undefined });
    }
    return order.map((id) => names.get(id));
  };
  return { jobs, start, drain, ends, metrics };
}

describe("SimulationJobs", () => {
  test("resellers take turns, and so do the tenants of each", async () => {
    const { drain, start } = createWorld();
    for (const token of ["1", "2"]) for (const _ of [1, 2]) start("r.a", token);
    for (const name of ["r.b", "s.c", "s.c", "platform"]) start(name);
    assert.deepEqual(await drain(), ["r.a", "s.c", "platform", "r.b", "s.c", "r.a", "r.a", "r.a"]);
  });

  test("a tenant's tokens share its limit, a reseller's tenants theirs; others still begin", () => {
    const { start } = createWorld();
    const many = (name: string, tokens: readonly string[]) => {
      return tokens.flatMap((token) => [1, 2, 3].map(() => start(name, token))).filter((each) => each !== "busy")
        .length;
    };
    assert.equal(many("r.a", ["1"]), 2);
    assert.equal(many("r.a", ["2", "3"]), 2);
    assert.equal(many("r", ["1", "2", "3"]), 4);
    assert.equal(
      ["b", "c", "d", "e"].reduce((sum, tenant) => sum + many(`r.${tenant}`, ["1", "2"]), 0),
      12,
    );
    assert.equal(many("s.a", ["1", "2", "3"]), 4);
    assert.equal(many("platform", ["1"]), 2);
  });

  test("one that was stopped at its deadline keeps what it found and is told from one that is done", async () => {
    const { drain, ends, jobs, metrics, start } = createWorld();
    const [caller] = callerOf("r.a");
    const id = start("r.a");
    assert.equal((await metrics.simulationsUnfinished.get()).values[0]?.value, 1);
    ends.shift()?.({ result, policyEvent: undefined, stopped: true });
    await drain();
    const { result: found, rows, rowsTotal, state } = jobs.find(caller, id) ?? assert.fail();
    assert.deepEqual([state, found, rows, rowsTotal], ["STOPPED", result, 3, 5]);
    assert.deepEqual((await metrics.simulations.get()).values, [{ value: 1, labels: { outcome: "stopped" } }]);
    assert.equal((await metrics.simulatedVerdicts.get()).values[0]?.value, 3);
    assert.equal((await metrics.simulationsUnfinished.get()).values[0]?.value, 0);
  });

  test("the end of the process ends those that wait, too", async () => {
    const { drain, jobs, start } = createWorld();
    const [caller] = callerOf("r.a");
    const ids = [start("r.a"), start("r.a")];
    jobs.close();
    await drain();
    assert.deepEqual(
      ids.map((id) => jobs.find(caller, id)?.state),
      ["CANCELLED", "CANCELLED"],
    );
  });
});
