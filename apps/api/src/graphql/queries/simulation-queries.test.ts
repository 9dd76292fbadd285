import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { newId } from "@mailfold/ids";
import type { SimulationResult } from "@mailfold/policy";
import { createOperations } from "../../operations/create-operations.ts";
import type { RunningApi } from "../../ports.ts";
import type { SimulationEngine, SimulationOutcome, SimulationRequest } from "../../simulation/simulation-engine.ts";
import {
  type ApiWorld,
  createApiWorld,
  graphql,
  platformCaller,
  startTestApi,
} from "../../test-support/api-test-world.ts";

const result: SimulationResult = {
  rows: 3,
  changed: 1,
  matrix: [{ from: "accept", to: "reject", count: 1 }],
  topAffected: [{ sender: "s@x.example", count: 1, blocked: 1, freed: 0 }],
  sendersAreExact: true,
  samples: [],
  conflicts: { count: 0, samples: [] },
  undecidable: 0,
  reachesData: 0,
  drifted: 0,
};

/** An engine whose runs end when the test says so. */
class HeldEngine implements SimulationEngine {
  readonly runs: {
    readonly request: SimulationRequest;
    readonly end: (outcome: SimulationOutcome | Error) => void;
    readonly progressed: (progress: { rows: number; rowsTotal: number }) => void;
  }[] = [];
  auto: SimulationOutcome | Error | undefined;

  run: SimulationEngine["run"] = (request, { progressed, signal }) =>
    new Promise((resolve, reject) => {
      const end = (outcome: SimulationOutcome | Error) =>
        outcome instanceof Error ? reject(outcome) : resolve(outcome);
      signal.addEventListener("abort", () => end({ cancelled: true }));
      this.runs.push({ request, end, progressed });
      if (this.auto !== undefined) end(this.auto);
    });
}

describe("policySimulate", () => {
  const engine = new HeldEngine();
  const done: SimulationOutcome = { result, policyEvent: undefined };
  let world: ApiWorld;
  let api: RunningApi & { url: string };
  let tenantId = "";
  const secrets: string[] = [];

  before(async () => {
    world = await createApiWorld();
    api = await startTestApi({ ...world, deps: { ...world.deps, simulations: engine } });
    const operations = createOperations(world.deps);
    const reseller = await operations.resellerCreate(platformCaller, { name: "A" });
    const resellerId = reseller.value?.resellerId ?? "";
    for (const name of ["a", "b"]) {
      const tenant = await operations.tenantCreate(platformCaller, { resellerId, name });
      const scope = { tenantId: tenant.value?.tenantId ?? "" };
      if (name === "a") tenantId = scope.tenantId;
      const token = await operations.tokenCreate(platformCaller, { name, scope });
      secrets.push(token.value?.secret ?? "");
    }
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  const begin = (token: string | undefined, input: string, waitSeconds = 0) =>
    graphql(
      api.url,
      `{ policySimulate(input: {scope: {tenantId: "${tenantId}"}, waitSeconds: ${waitSeconds}, ${input}}) {
        id state rows rowsTotal verdicts changed matrix { from to count } topAffected { sender } error { code path } } }`,
      token === undefined ? {} : { token },
    );
  const change = `changes: [{entryAdd: {list: KILL, pattern: "@X.example"}}]`;
  const look = async (token: string | undefined, id: string, field = "simulation") => {
    const kind = field === "simulation" ? "query" : "mutation";
    const answer = await graphql(
      api.url,
      `${kind} { ${field}(id: "${id}") { id state } }`,
      token === undefined ? {} : { token },
    );
    return answer.data[field];
  };

  test("answers what came of it, of the scope and the time that were asked for, changes in canonical form", async () => {
    engine.auto = done;
    const answer = await begin(secrets[0], `${change}, from: "2026-11-01T00:00:00Z", to: "2026-11-08T00:00:00Z"`, 5);
    const { id, ...shown } = answer.data.policySimulate;
    assert.match(id, /^sim_/);
    assert.deepEqual(shown, {
      state: "DONE",
      rows: 0,
      rowsTotal: 0,
      verdicts: 3,
      changed: 1,
      matrix: [{ from: "accept", to: "reject", count: 1 }],
      topAffected: [{ sender: "s@x.example" }],
      error: null,
    });
    const { request } = engine.runs.at(-1) ?? assert.fail();
    assert.deepEqual(request.place.scope, { kind: "tenant", id: tenantId });
    assert.deepEqual(request.changes, [{ entryAdd: { list: "kill", pattern: "@x.example" } }]);
    assert.equal(request.to - request.from, 7 * 86_400_000);
  });

  test("what cannot be tried is said at once; a foreign scope is a missing one", async () => {
    const runs = engine.runs.length;
    const foreign = await begin(secrets[1], change);
    assert.deepEqual(foreign.data, { policySimulate: null });
    for (const [input, reason] of [
      [`changes: [{set: {nonsense: 1}}]`, "SETTING_UNKNOWN"],
      [`changes: [{entryRemove: {list: KILL, pattern: "@none.example"}}]`, "NOT_FOUND"],
      ["changes: []", "INVALID_INPUT"],
      [`${change}, from: "2026-11-08T00:00:00Z", to: "2026-11-08T00:00:00Z"`, "INVALID_INPUT"],
      [`${change}, from: "2025-11-08T00:00:00Z", to: "2026-11-08T00:00:00Z"`, "INVALID_INPUT"],
    ] as const) {
      const { errors } = await begin(secrets[0], input);
      assert.equal(errors?.[0]?.extensions.reason, reason, JSON.stringify(errors));
    }
    const late = await begin(secrets[0], change, 21);
    assert.equal(late.errors[0].extensions.code, "BAD_REQUEST");
    assert.equal(engine.runs.length, runs);
  });

  test("two of one token may be unfinished, one runs at a time; they are nobody else's, and end when they are told to", async () => {
    engine.auto = undefined;
    const runs = engine.runs.length;
    const [first, second] = [await begin(secrets[0], change), await begin(secrets[0], change)];
    assert.deepEqual([first.data.policySimulate.state, second.data.policySimulate.state], ["RUNNING", "WAITING"]);
    const third = await begin(secrets[0], change);
    assert.deepEqual([third.status, third.errors[0].extensions.code], [429, "THROTTLED"]);
    assert.equal(engine.runs.length, runs + 1);
    const ids = [first.data.policySimulate.id, second.data.policySimulate.id] as const;
    for (const stranger of [secrets[1], undefined]) {
      assert.equal(await look(stranger, ids[0]), null);
      assert.equal(await look(stranger, ids[0], "simulationCancel"), null);
    }
    assert.equal(await look(secrets[0], newId("simulation")), null);
    assert.equal((await look(secrets[0], ids[1], "simulationCancel")).state, "CANCELLED");
    await look(secrets[0], ids[0], "simulationCancel");
    assert.equal((await look(secrets[0], ids[0])).state, "CANCELLED");
    engine.auto = done;
    assert.equal((await begin(secrets[0], change, 5)).data.policySimulate.state, "DONE");
  });

  test("an engine that fails, or finds that the policy has changed meanwhile, is told of", async () => {
    engine.auto = new Error("disk");
    const failed = (await begin(secrets[0], change, 5)).data.policySimulate;
    assert.deepEqual([failed.state, failed.error.code], ["FAILED", "SIMULATION_FAILED"]);
    engine.auto = { problem: { code: "NOT_FOUND", message: "gone", at: 0 } };
    const gone = (await begin(secrets[0], change, 5)).data.policySimulate;
    assert.deepEqual([gone.state, gone.error], ["FAILED", { code: "NOT_FOUND", path: ["changes", "0"] }]);
  });

  test("progress comes over SSE until the end", async () => {
    engine.auto = undefined;
    const { id } = (await begin(secrets[0], change)).data.policySimulate;
    const stop = AbortSignal.timeout(10_000);
    const response = await fetch(`${api.url}/graphql`, {
      method: "POST",
      signal: stop,
      headers: {
        accept: "text/event-stream",
        "content-type": "application/json",
        authorization: `Bearer ${secrets[0]}`,
      },
      body: JSON.stringify({ query: `subscription { simulationProgress(id: "${id}") { state rows } }` }),
    });
    const run = engine.runs.at(-1) ?? assert.fail();
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? assert.fail()) {
      const before = text.length;
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (before === 0) run.progressed({ rows: 7, rowsTotal: 9 });
      if (/"rows":7/.test(text) && !/DONE/.test(text)) run.end(done);
    }
    assert.match(text, /"state":"RUNNING","rows":0[\s\S]*"rows":7[\s\S]*"state":"DONE"/);
  });
});
