import { policySettings, type SenderEntryAdded, scopeId, senderEntry } from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";
import { parseSenderPattern, validateSenderEntry } from "@mailfold/policy";
import type { SenderEntries } from "../records/sender-entries.ts";
import { unlocksOf } from "./limits-above.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput, notFound, type OperationOutcome, refused } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { placeScope, placeStoredScope } from "./placed-scope.ts";
import type { SenderEntryRecord } from "./policy-records.ts";
import { createPolicyUpdate } from "./policy-update.ts";
import type { Load } from "./run-command.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { optional } from "./tenant-operations.ts";

type PolicyOperations = Pick<Operations, "policyUpdate" | "senderEntryAdd" | "senderEntryRemove">;

/** Settings, and entries of accept and kill lists. */
export function createPolicyOperations(kit: OperationKit, entries: SenderEntries): PolicyOperations {
  return {
    policyUpdate: createPolicyUpdate(kit),
    senderEntryAdd: createSenderEntryAdd(kit, entries),
    senderEntryRemove: createSenderEntryRemove(kit, entries),
  };
}

/** Risky features that the platform has unlocked, read from the log itself: a lagging view must not open anything. */
export async function readUnlocks(load: Load): Promise<readonly string[]> {
  const platform = await load(policySettings, streams.policy("platform"));
  return unlocksOf(platform.state);
}

function createSenderEntryAdd(kit: OperationKit, entries: SenderEntries): Operations["senderEntryAdd"] {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "senderEntryAdd",
      input,
      prepare(identity) {
        const placed = placeScope(kit.view(caller), caller, input.scope);
        if ("errors" in placed) return placed;
        const { list } = input;
        if (list === "learned") {
          return invalidInput("Senders are learned, not added: accept or kill the sender, or pardon it.", "list");
        }
        const { scope } = placed;
        const parsed = parseSenderPattern(input.pattern);
        if ("problem" in parsed)
          return refused({ code: "PATTERN_INVALID", message: parsed.problem, path: ["pattern"] });
        const { pattern } = parsed;
        const stream = streams.senderEntry(scopeId(scope), kit.deps.sealer.blindIndex("sender-pattern", pattern));
        let entryId = identity.objectId("senderEntry");
        return {
          belonging: placed,
          streams: [stream],
          async plan(load) {
            const loaded = await load(senderEntry, stream);
            const unlocked = await readUnlocks(load);
            entryId = loaded.state[list]?.entryId ?? entryId;
            const trustUnverified = input.trustUnverified ?? false;
            const proposed = { list, scopeKind: scope.kind, pattern, trustUnverified };
            const valid = validateSenderEntry(proposed, { unlocked: [...unlocked, "trustUnverified"] });
            return planOf(
              decideOn(senderEntry, loaded, {
                type: "AddSenderEntry",
                entryId,
                scope,
                list,
                pattern,
                trustUnverified,
                ...optional("expiresAt", input.expiresAt),
                ...optional("note", input.note),
                facts: {
                  at: kit.deps.clock.now(),
                  scopeExists: true,
                  trustUnverifiedUnlocked: unlocked.includes("trustUnverified"),
                  ...("problem" in valid ? { patternProblem: valid.problem } : {}),
                },
              }),
            );
          },
          value: () => entries.find(entryId),
        };
      },
    });
}

function createSenderEntryRemove(kit: OperationKit, entries: SenderEntries): Operations["senderEntryRemove"] {
  return (caller, input): Promise<OperationOutcome<SenderEntryRecord>> =>
    kit.execute({
      caller,
      operation: "senderEntryRemove",
      input,
      gone: { category: "senderentry", value: (events) => removedEntry(events, input.entryId) },
      prepare() {
        const record = entries.find(input.entryId);
        const placed = record === undefined ? undefined : placeStoredScope(kit.view(caller), caller, record.scope);
        if (record === undefined || placed === undefined) return notFound("entryId");
        const patternHash = kit.deps.sealer.blindIndex("sender-pattern", record.pattern);
        const stream = streams.senderEntry(scopeId(record.scope), patternHash);
        return {
          belonging: placed,
          streams: [stream],
          async plan(load) {
            const loaded = await load(senderEntry, stream);
            return planOf(decideOn(senderEntry, loaded, { type: "RemoveSenderEntry", entryId: record.entryId }));
          },
          value: () => record,
        };
      },
    });
}

/** A removed entry as it was, for the retry of its removal. */
function removedEntry(events: readonly RecordedEvent[], entryId: string): SenderEntryRecord | undefined {
  const added = events.findLast((event) => {
    return event.type === "SenderEntryAdded" && (event.data as SenderEntryAdded["data"]).entryId === entryId;
  });
  if (added === undefined) return undefined;
  const data = added.data as SenderEntryAdded["data"];
  return { ...data, trustUnverified: data.trustUnverified ?? false, byEvent: added.id };
}
