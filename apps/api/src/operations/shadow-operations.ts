import { type ShadowChange, scopeId, shadow } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { Position, Refusal } from "@mailfold/kernel";
import { applyChanges, type ChangePlace, type PolicyChange } from "@mailfold/policy";
import { type ShadowRow, shadows } from "@mailfold/projection-shadows";
import type { Caller } from "../caller.ts";
import { createShadows } from "../records/shadows.ts";
import type { OperationKit } from "./operation-kit.ts";
import { notFound, type OperationOutcome, refused } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { placeScope, placeStoredScope } from "./placed-scope.ts";
import { readPolicyChanges } from "./policy-change-input.ts";
import { createPromotion } from "./promote-changes.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { optional } from "./tenant-operations.ts";

type ShadowOperations = Pick<Operations, "shadowStart" | "shadowPromote" | "shadowDrop">;

const defaultLengthMs = 7 * 86_400_000;
const viewTimeoutMs = 2_000;

/** Changes of policy that are judged beside it, until they are promoted or dropped. */
export function createShadowOperations(kit: OperationKit): ShadowOperations {
  return {
    shadowStart: async (caller, input) => settled(kit, caller, await createStart(kit, caller, input)),
    shadowPromote: async (caller, input) => settled(kit, caller, await end(kit, caller, { input, kind: "promoted" })),
    shadowDrop: async (caller, input) => settled(kit, caller, await end(kit, caller, { input, kind: "dropped" })),
  };
}

/** The shadow as its view has it, once that has passed the command; as it was decided until then. */
async function settled(
  { deps }: OperationKit,
  caller: Caller,
  outcome: OperationOutcome<ShadowRow>,
): Promise<OperationOutcome<ShadowRow>> {
  const { receipt, value } = outcome;
  if (value === undefined || receipt === undefined || receipt.dryRun) return outcome;
  const position: Position = receipt.position;
  await deps.rows.waitFor(position, { projections: [shadows.name], timeoutMs: viewTimeoutMs });
  return { ...outcome, value: createShadows(deps.rows, caller).find(value.shadowId) ?? value };
}

/** Why changes cannot be made on the policy in force. */
export function changeRefusal(
  { deps }: Pick<OperationKit, "deps">,
  place: ChangePlace,
  changes: readonly PolicyChange[],
): Refusal | undefined {
  const changed = applyChanges(deps.policy.current(), place, changes);
  if (!("problem" in changed)) return undefined;
  const { at, code, message } = changed.problem;
  return { code, message, path: ["changes", String(at)] };
}

function createStart(
  kit: OperationKit,
  caller: Caller,
  input: Parameters<Operations["shadowStart"]>[1],
): Promise<OperationOutcome<ShadowRow>> {
  return kit.execute({
    caller,
    operation: "shadowStart",
    input,
    prepare(identity) {
      const placed = placeScope(kit.view(caller), caller, input.scope);
      if ("errors" in placed) return placed;
      const read = readPolicyChanges(input.changes, placed.scope.kind);
      if ("refusal" in read) return refused(read.refusal);
      const { path, scope } = placed;
      const stream = streams.shadow(scopeId(scope));
      const at = kit.deps.clock.now();
      const started = {
        shadowId: identity.objectId("shadow"),
        scope,
        changes: read.changes as unknown as readonly ShadowChange[],
        expiresAt: input.expiresAt ?? at + defaultLengthMs,
        ...optional("note", input.note),
      };
      const refusal = changeRefusal(kit, { scope, path }, read.changes) as never;
      return {
        belonging: placed,
        streams: [stream],
        async plan(load) {
          const facts = { at, scopeExists: true, ...(refusal === undefined ? {} : { changeRefusal: refusal }) };
          return planOf(decideOn(shadow, await load(shadow, stream), { type: "StartShadow", ...started, facts }));
        },
        value: (): ShadowRow => ({
          ...started,
          ...optional("tenantId", placed.tenantId),
          ...optional("resellerId", placed.resellerId),
          note: input.note ?? null,
          startedAt: at,
          startedBy: caller.tokenId,
          state: "running",
          endedAt: null,
        }),
      };
    },
  });
}

function end(
  kit: OperationKit,
  caller: Caller,
  { input, kind }: { readonly input: Parameters<Operations["shadowDrop"]>[1]; readonly kind: "promoted" | "dropped" },
): Promise<OperationOutcome<ShadowRow>> {
  return kit.execute({
    caller,
    operation: kind === "promoted" ? "shadowPromote" : "shadowDrop",
    input,
    prepare() {
      const found = createShadows(kit.deps.rows, caller).find(input.shadowId);
      const placed = found && placeStoredScope(kit.view(caller), caller, found.scope);
      if (found === undefined || placed === undefined) return notFound("shadowId");
      const { scope, shadowId } = found;
      const stream = streams.shadow(scopeId(scope));
      const at = kit.deps.clock.now();
      const changes = (found.changes ?? []) as unknown as readonly PolicyChange[];
      const promotion = kind === "promoted" ? createPromotion(kit, { scope, path: placed.path }, changes) : undefined;
      return {
        belonging: placed,
        // The last one proves that the command was done: it is written when all else is.
        streams: [...(promotion?.streams ?? []), stream],
        async plan(load) {
          const type = kind === "promoted" ? "PromoteShadow" : "DropShadow";
          const ended = decideOn(shadow, await load(shadow, stream), { type, shadowId, at });
          if ("refused" in ended || promotion === undefined) return planOf(ended);
          const made = await promotion.plan(load);
          return planOf(...made, ended);
        },
        value: (): ShadowRow => ({ ...found, state: kind, endedAt: at }),
      };
    },
  });
}
