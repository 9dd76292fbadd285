import {
  pardon,
  policySettings,
  type SenderEntryEvent,
  type SettingValue,
  scopeId,
  senderEntry,
} from "@mailfold/domain";
import { streams } from "@mailfold/events";
import { newId } from "@mailfold/ids";
import type { Refusal } from "@mailfold/kernel";
import {
  type ChangePlace,
  type PolicyChange,
  settingCheck,
  settingsChangedBy,
  validateSenderEntry,
  validateSetting,
} from "@mailfold/policy";
import type { OperationKit } from "./operation-kit.ts";
import { readUnlocks } from "./policy-operations.ts";
import type { Load, PlannedWrite } from "./run-command.ts";
import { changeRefusal } from "./shadow-operations.ts";
import { decideOn } from "./single-stream.ts";

type Decided = { readonly refused: Refusal } | { readonly write: PlannedWrite };
type EntryChange = Extract<PolicyChange, { entryAdd: unknown } | { entryRemove: unknown }>;

const pardonMs = 30 * 86_400_000;

/** Changes in earnest: the streams they write, and what the ordinary deciders make of them, all in one commit. */
export interface Promotion {
  readonly streams: readonly string[];
  plan(load: Load): Promise<readonly Decided[]>;
}

/** Makes changes of one scope as policyUpdate, senderEntryAdd, senderEntryRemove and senderPardon would. */
export function createPromotion(kit: OperationKit, place: ChangePlace, changes: readonly PolicyChange[]): Promotion {
  const { scope } = place;
  const settings = streams.policy(scopeId(scope));
  const entries = new Map<string, EntryChange[]>();
  for (const change of changes) {
    if (!("entryAdd" in change) && !("entryRemove" in change)) continue;
    const { pattern } = "entryAdd" in change ? change.entryAdd : change.entryRemove;
    const stream = streams.senderEntry(scopeId(scope), kit.deps.sealer.blindIndex("sender-pattern", pattern));
    entries.set(stream, [...(entries.get(stream) ?? []), change]);
  }
  const pardons = changes.flatMap((change) => ("pardon" in change ? [change.pardon] : []));
  const pardonStream = (subject: (typeof pardons)[number]) =>
    streams.pardon(scopeId(scope), kit.deps.sealer.blindIndex("listing", `${subject.kind}:${subject.value}`));
  return {
    streams: [settings, ...entries.keys(), ...pardons.map(pardonStream)],
    async plan(load) {
      // Locks and bounds of the scopes above, and what is gone since.
      const refusal = changeRefusal(kit, place, changes);
      if (refusal !== undefined) return [{ refused: refusal }];
      const unlocked = await readUnlocks(load);
      const decided: Decided[] = [await decideSettings(load, settings, { place, changes, unlocked })];
      for (const [stream, own] of entries)
        decided.push(await decideEntries(kit, load, { stream, place, own, unlocked }));
      for (const subject of pardons) {
        if (scope.kind !== "tenant" && scope.kind !== "platform") continue;
        const at = kit.deps.clock.now();
        const facts = { at, scopeExists: true, unknownEvidence: [] };
        const asked = { pardonId: newId("pardon"), scope, subject, until: at + pardonMs, facts };
        decided.push(decideOn(pardon, await load(pardon, pardonStream(subject)), { type: "PardonSender", ...asked }));
      }
      return decided;
    },
  };
}

async function decideSettings(
  load: Load,
  stream: string,
  {
    changes,
    place,
    unlocked,
  }: {
    readonly place: ChangePlace;
    readonly changes: readonly PolicyChange[];
    readonly unlocked: readonly string[];
  },
): Promise<Decided> {
  const { scope } = place;
  const loaded = await load(policySettings, stream);
  const { set, unset } = settingsChangedBy(loaded.state.values, changes);
  const isPlatform = scope.kind === "platform" && Array.isArray(set.unlocks);
  const context = { unlocked: isPlatform ? (set.unlocks as readonly SettingValue[]).map(String) : unlocked };
  const canonical = Object.entries(set).map(([name, value]) => {
    const checked = validateSetting(name, value, scope.kind, context);
    return [name, checked.ok ? checked.value : value] as const;
  });
  return decideOn(policySettings, loaded, {
    type: "ChangePolicySettings",
    scope,
    set: Object.fromEntries(canonical),
    unset,
    scopeExists: true,
    check: settingCheck(scope.kind, context),
  });
}

/** All changes of one pattern, one after the other, as one write. */
async function decideEntries(
  kit: OperationKit,
  load: Load,
  {
    own,
    place,
    stream,
    unlocked,
  }: {
    readonly stream: string;
    readonly place: ChangePlace;
    readonly own: readonly EntryChange[];
    readonly unlocked: readonly string[];
  },
): Promise<Decided> {
  const { scope } = place;
  const loaded = await load(senderEntry, stream);
  let { state } = loaded;
  const events: SenderEntryEvent[] = [];
  for (const change of own) {
    const decision =
      "entryRemove" in change
        ? senderEntry.decide(
            { type: "RemoveSenderEntry", entryId: state[change.entryRemove.list]?.entryId ?? newId("senderEntry") },
            state,
          )
        : senderEntry.decide(addCommand(kit, { place, state, unlocked, entry: change.entryAdd }), state);
    if (decision.refused !== undefined) return { refused: decision.refused };
    events.push(...decision.events);
    state = decision.events.reduce(senderEntry.evolve, state);
  }
  return { write: { stream, expected: loaded.expected, events } };

  function addCommand(
    { deps }: OperationKit,
    input: {
      readonly place: ChangePlace;
      readonly state: typeof state;
      readonly unlocked: readonly string[];
      readonly entry: Extract<PolicyChange, { entryAdd: unknown }>["entryAdd"];
    },
  ) {
    const { expiresAt, list, pattern, trustUnverified = false } = input.entry;
    const proposed = { list, scopeKind: scope.kind, pattern, trustUnverified };
    const valid = validateSenderEntry(proposed, { unlocked: [...unlocked, "trustUnverified"] });
    return {
      type: "AddSenderEntry" as const,
      entryId: input.state[list]?.entryId ?? newId("senderEntry"),
      scope,
      list,
      pattern,
      trustUnverified,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      facts: {
        at: deps.clock.now(),
        scopeExists: true,
        trustUnverifiedUnlocked: input.unlocked.includes("trustUnverified"),
        ...("problem" in valid ? { patternProblem: valid.problem } : {}),
      },
    };
  }
}
