import { applyChanges } from "@mailfold/policy";
import { placeScope } from "../../operations/placed-scope.ts";
import { readPolicyChanges } from "../../operations/policy-change-input.ts";
import type { SimulationRequest } from "../../simulation/simulation-engine.ts";
import type { SimulationView } from "../../simulation/simulation-jobs.ts";
import type { ApiContext } from "../api-context.ts";
import { apiError, badRequest } from "../api-error.ts";
import { builder } from "../builder.ts";
import { scopeInput } from "../mutations/input-fields.ts";
import { policyChangeInput } from "../mutations/policy-change-input.ts";
import { visible } from "../objects/directory-objects.ts";
import { simulationRef } from "../objects/simulation-objects.ts";
import { waitForPosition } from "../wait-for.ts";
import { waitForDescription } from "./directory-queries.ts";
import { refuseBadScope } from "./policy-queries.ts";

const dayMs = 86_400_000;
const defaultDays = 7;
/** Traffic is kept for 90 days. */
const daysMax = 92;
const waitSecondsMax = 20;
const defaultWaitSeconds = 10;
const retryAfterSeconds = 5;

const simulateInput = builder.inputType("PolicySimulateInput", {
  fields: (t) => ({
    scope: t.field({ type: scopeInput, required: true }),
    changes: t.field({ type: [policyChangeInput], required: true, description: "1 to 100, tried together." }),
    from: t.field({ type: "DateTime", description: "Default: 7 days before `to`." }),
    to: t.field({ type: "DateTime", description: "Exclusive; default: now." }),
    waitSeconds: t.int({ description: "Answer the finished simulation if it is done by then; 0 to 20, default 10." }),
  }),
});
type SimulateInput = typeof simulateInput.$inferInput;

function timeOf(input: SimulateInput, now: number): Pick<SimulationRequest, "from" | "to"> {
  const to = input.to ?? now + 1;
  const from = input.from ?? to - defaultDays * dayMs;
  if (from >= to) throw badRequest("INVALID_INPUT", "from must be before to.");
  if (to - from > daysMax * dayMs)
    throw badRequest("INVALID_INPUT", `At most ${daysMax} days can be looked at at once.`);
  return { from, to };
}

function begin(context: ApiContext, input: SimulateInput): SimulationView | null {
  const { api, caller } = context;
  const placed = placeScope(visible(context), caller, input.scope);
  if ("errors" in placed) return refuseBadScope(placed.errors[0]);
  const read = readPolicyChanges(input.changes, placed.scope.kind);
  if ("refusal" in read) throw badRequest(read.refusal.code, read.refusal.message);
  const { path, scope } = placed;
  const tried = applyChanges(api.deps.policy.current(), { scope, path }, read.changes);
  if ("problem" in tried) {
    const { at, code, message } = tried.problem;
    throw badRequest(code, `changes[${at}]: ${message}`);
  }
  const request = { place: { scope, path }, changes: read.changes, ...timeOf(input, api.deps.clock.now()) };
  const started = api.simulations.start(caller, placed, request);
  if (started === undefined) throw badRequest("SIMULATION_FAILED", "Nothing can be simulated here now.");
  if (started !== "busy") return started;
  const http = { status: 429, headers: { "retry-after": String(retryAfterSeconds) } };
  throw apiError("THROTTLED", "Too many simulations are unfinished; at most 2 of one token and 4 of one tenant.", {
    http,
  });
}

builder.queryFields((t) => {
  const waitFor = t.arg.string({ description: waitForDescription });
  return {
    policySimulate: t.field({
      type: simulationRef,
      nullable: true,
      description:
        "What changes of a scope's policy would have done to the mail of its subtree. Nothing is changed. Null when there is no such scope.",
      args: { input: t.arg({ type: simulateInput, required: true }), waitFor },
      resolve: async (_root, { input, waitFor: position }, context) => {
        const waitSeconds = input.waitSeconds ?? defaultWaitSeconds;
        if (waitSeconds < 0 || waitSeconds > waitSecondsMax) {
          throw badRequest("INVALID_INPUT", `waitSeconds is 0 to ${waitSecondsMax}.`);
        }
        await waitForPosition(context, position);
        const started = begin(context, input);
        if (started === null) return null;
        const { api, caller, left } = context;
        const limit = { timeoutMs: waitSeconds * 1_000, signal: left };
        await api.simulations.settled(caller, started.simulationId, limit);
        return api.simulations.find(caller, started.simulationId) ?? started;
      },
    }),
    simulation: t.field({
      type: simulationRef,
      nullable: true,
      description: "One that this token began, for an hour after its end. Null when there is none.",
      args: { id: t.arg.id({ required: true }) },
      resolve: (_root, { id }, { api, caller }) => api.simulations.find(caller, id) ?? null,
    }),
  };
});
