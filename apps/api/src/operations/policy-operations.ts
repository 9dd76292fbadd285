import {
  policySettings,
  type Scope,
  type SenderEntryAdded,
  type SettingValue,
  scopeId,
  senderEntry,
} from "@mailfold/domain";
import { streams } from "@mailfold/events";
import type { RecordedEvent } from "@mailfold/kernel";
import { parseSenderPattern, settingDefinition, validateSenderEntry, validateSetting } from "@mailfold/policy";
import type { SenderEntries } from "../records/sender-entries.ts";
import type { OperationKit } from "./operation-kit.ts";
import { invalidInput, notFound, type OperationOutcome, refused } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { placeScope, placeStoredScope } from "./placed-scope.ts";
import type { SenderEntryRecord } from "./policy-records.ts";
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
  return stringsOf(platform.state.values.unlocks);
}

function stringsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function createPolicyUpdate(kit: OperationKit): Operations["policyUpdate"] {
  return (caller, input) =>
    kit.execute({
      caller,
      operation: "policyUpdate",
      input,
      prepare() {
        const placed = placeScope(kit.view(caller), caller, input.scope);
        if ("errors" in placed) return placed;
        const set = input.set ?? {};
        if (typeof set !== "object" || Array.isArray(set))
          return invalidInput("set maps setting names to values.", "set");
        const { scope, path } = placed;
        const stream = streams.policy(scopeId(scope));
        return {
          belonging: placed,
          streams: [stream],
          async plan(load) {
            const loaded = await load(policySettings, stream);
            const values = set as Readonly<Record<string, SettingValue>>;
            const own = scope.kind === "platform" && Object.hasOwn(values, "unlocks");
            const unlocked = own ? stringsOf(values.unlocks) : await readUnlocks(load);
            const canonical = Object.fromEntries(
              Object.entries(values).map(([name, value]) => {
                const checked = validateSetting(name, value, scope.kind, { unlocked });
                return [name, checked.ok ? checked.value : value];
              }),
            );
            return planOf(
              decideOn(policySettings, loaded, {
                type: "ChangePolicySettings",
                scope,
                set: canonical,
                unset: input.unset ?? [],
                scopeExists: true,
                check: (name, value) => checkSetting(name, value, { kind: scope.kind, unlocked }),
              }),
            );
          },
          value: () => ({ placed, settings: kit.deps.policy.current().effective(path) }),
        };
      },
    });
}

function checkSetting(
  name: string,
  value: SettingValue | undefined,
  at: { readonly kind: Scope["kind"]; readonly unlocked: readonly string[] },
) {
  const definition = settingDefinition(name);
  if (definition === undefined) return { code: "SETTING_UNKNOWN", message: `there is no setting ${name}` } as const;
  if (value === undefined) return undefined;
  const checked = validateSetting(name, value, at.kind, at);
  if (checked.ok) return undefined;
  const message = checked.problem;
  // The widest scope takes every setting, so a value that passes there fails for its scope or its lock alone.
  const wide = validateSetting(name, value, "platform", { unlocked: ["localUsers", "anyone", "trustUnverified"] });
  if (!wide.ok) return { code: "SETTING_INVALID", message } as const;
  if (typeof value === "string" && definition.locked?.includes(value) && !at.unlocked.includes(value)) {
    return { code: "UNLOCK_REQUIRED", message } as const;
  }
  return { code: "SETTING_NOT_AT_SCOPE", message } as const;
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
