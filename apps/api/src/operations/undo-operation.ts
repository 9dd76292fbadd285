import { policySettings, type Scope, senderEntry } from "@mailfold/domain";
import { readWholeStream } from "@mailfold/event-store";
import { type DomainEvent, type RecordedEvent, type Refusal, streamCategory } from "@mailfold/kernel";
import { limitCheck, type ScopePath, settingCheck, validateSenderEntry } from "@mailfold/policy";
import type { Caller } from "../caller.ts";
import type { PolicyDifference } from "../history/policy-difference.ts";
import { limitRefusal, loadPolicyAbove, unlocksOf } from "./limits-above.ts";
import type { OperationKit } from "./operation-kit.ts";
import { notFound } from "./operation-outcome.ts";
import type { Operations, Undone } from "./operations.ts";
import { placeStoredScope } from "./placed-scope.ts";
import { readUnlocks } from "./policy-operations.ts";
import type { PlacedScope } from "./policy-records.ts";
import type { Load, Plan } from "./run-command.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { optional } from "./tenant-operations.ts";
import { entryConflict, entrySides, entryUndone } from "./undo-entry.ts";
import { pardonUndone, planPardon } from "./undo-pardon.ts";
import { invertPolicy, policyUndone } from "./undo-policy.ts";
import { findUndoTarget } from "./undo-target.ts";

type Placed = PlacedScope & { readonly path: ScopePath };
type Targets = readonly [RecordedEvent, ...RecordedEvent[]];

/** Takes changes of settings, limits, rules, list entries and pardons back by what the ordinary commands record. */
export function createUndoOperation(kit: OperationKit): Pick<Operations, "undo"> {
  return {
    undo: (caller, input) =>
      kit.execute({
        caller,
        operation: "undo",
        input,
        async prepare() {
          const targets = await findUndoTarget(kit.deps, caller, input);
          if ("errors" in targets) return targets;
          const [first] = targets;
          const field = typeof input.event === "string" ? "event" : "undoToken";
          const { scope, pattern, subject } = first.data as Named;
          const placed = placeStoredScope(kit.view(caller), caller, scope);
          // What was erased cannot be written again: there is nothing left to name it by.
          if (placed === undefined || pattern === null || subject === null) return notFound(field);
          const value = undoneOf(placed, targets, await prefixOf(kit, targets));
          const { plan } = kindOf(first);
          return {
            belonging: placed,
            streams: [first.stream],
            plan: async (load) =>
              atField(await plan({ caller, load, placed, targets, at: kit.deps.clock.now() }), field),
            value: () => value,
          };
        },
      }),
  };
}

/** The events' stream up to the last of them: what they changed never changes any more. */
async function prefixOf({ deps }: OperationKit, targets: Targets): Promise<readonly RecordedEvent[]> {
  const events = await readWholeStream(deps.journal.events, targets[0].stream);
  const last = targets.at(-1)?.revision ?? 0;
  return events.filter(({ revision }) => revision <= last);
}

function undoneOf(placed: PlacedScope, targets: Targets, prefix: readonly RecordedEvent[]): Undone {
  const differences = kindOf(targets[0]).undone(prefix, targets);
  return { placed, events: targets.map(({ id }) => id), differences };
}

/** Refusals name the input of undo, not that of the command that it stands for. */
function atField(plan: Plan, field: string): Plan {
  return "refused" in plan ? { refused: { ...plan.refused, path: [field] } } : plan;
}

/** What an event is about: null once its key was erased. */
interface Named {
  readonly scope: Scope;
  readonly pattern?: string | null;
  readonly subject?: object | null;
}

interface Undoing {
  readonly caller: Caller;
  readonly load: Load;
  readonly placed: Placed;
  readonly targets: Targets;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** How events of one category of stream are taken back. */
interface UndoKind {
  plan(undoing: Undoing): Promise<Plan>;
  /** What that changes, from the stream up to the last of the events. */
  undone(prefix: readonly RecordedEvent[], targets: Targets): readonly PolicyDifference[];
}
const entryKind: UndoKind = {
  plan: planEntry,
  undone: (prefix, targets) => targets.flatMap((target) => entryUndone(prefix, target)),
};
const otherKinds: Readonly<Record<string, UndoKind>> = {
  policy: { plan: planPolicy, undone: policyUndone },
  pardon: {
    plan: ({ load, targets, at }) => planPardon(load, targets[0], at),
    undone: (prefix, targets) => targets.flatMap((target) => pardonUndone(prefix, target)),
  },
};
const kindOf = ({ stream }: RecordedEvent): UndoKind => otherKinds[streamCategory(stream)] ?? entryKind;

async function planPolicy({ caller, load, placed, targets }: Undoing): Promise<Plan> {
  const loaded = await load(policySettings, targets[0].stream);
  const inverse = invertPolicy(loaded.events, targets);
  if ("refused" in inverse) return inverse;
  const { limits, ...change } = inverse;
  const above = await loadPolicyAbove(load, placed);
  const { kind } = placed.scope;
  // The platform's own unlocks count as they will be afterwards.
  const own = kind === "platform" ? change.set : {};
  const platform = above.scopes[0]?.state ?? loaded.state;
  const check = settingCheck(kind, { unlocked: unlocksOf({ ...platform, values: { ...platform.values, ...own } }) });
  const decided = decideOn(policySettings, loaded, {
    type: "ChangePolicySettings",
    scope: placed.scope,
    ...change,
    scopeExists: true,
    check(name, value) {
      // A value that may no longer be set here may still go.
      if (value === undefined) return undefined;
      return check(name, value) ?? limitRefusal(above, { caller, placed, name, value });
    },
    limits: { ...limits, check: limitCheck(kind) },
  });
  return withUndone(decided, (event) => targets.find(({ type }) => type === event.type)?.id);
}

async function planEntry({ load, placed, targets, at }: Undoing): Promise<Plan> {
  const [target] = targets;
  const loaded = await load(senderEntry, target.stream);
  const conflict = entryConflict(loaded.events, target);
  if (conflict !== undefined) return { refused: conflict };
  const { before, after } = entrySides(loaded.events, target);
  const undoes = () => target.id;
  if (before === undefined) {
    if (after === undefined) return { writes: [] };
    return withUndone(decideOn(senderEntry, loaded, { type: "RemoveSenderEntry", entryId: after.entryId }), undoes);
  }
  const { list, pattern, expiresAt, note, trustUnverified = false, entryId } = before;
  if (expiresAt !== undefined && expiresAt <= at) return { refused: expired(before.pattern, expiresAt) };
  const unlocked = await readUnlocks(load);
  const proposed = { list, scopeKind: placed.scope.kind, pattern, trustUnverified };
  const valid = validateSenderEntry(proposed, { unlocked: [...unlocked, "trustUnverified"] });
  const decided = decideOn(senderEntry, loaded, {
    type: "AddSenderEntry",
    entryId,
    scope: placed.scope,
    list,
    pattern,
    trustUnverified,
    ...optional("expiresAt", expiresAt),
    ...optional("note", note),
    facts: {
      at,
      scopeExists: true,
      trustUnverifiedUnlocked: unlocked.includes("trustUnverified"),
      ...("problem" in valid ? { patternProblem: valid.problem } : {}),
    },
  });
  return withUndone(decided, undoes);
}

function expired(pattern: string, expiresAt: number): Refusal {
  const message = `The entry ${pattern} that this would restore expired at ${new Date(expiresAt).toISOString()}.`;
  return { code: "UNDO_CONFLICT", message };
}

/** The plan of a decision whose events say what they take back. */
function withUndone(decided: ReturnType<typeof decideOn>, undoes: (event: DomainEvent) => string | undefined): Plan {
  if ("refused" in decided) return decided;
  return planOf({ write: { ...decided.write, undoes: decided.write.events.map(undoes) } });
}
