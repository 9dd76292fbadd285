import { type PardonEvent, type PardonState, pardon, scopeId } from "@mailfold/domain";
import { idFromUuid } from "@mailfold/ids";
import type { RecordedEvent, Refusal } from "@mailfold/kernel";
import type { PolicyDifference } from "../history/policy-difference.ts";
import type { Load, Plan } from "./run-command.ts";
import { decideOn, planOf } from "./single-stream.ts";
import { conflictWith, standingAfter } from "./undo-conflict.ts";

type Granted = PardonState["pardon"];

function pardonBefore(stream: readonly RecordedEvent[], target: RecordedEvent): Granted {
  return stream
    .filter(({ revision }) => revision < target.revision)
    .reduce((state, event) => pardon.evolve(state, event as never), pardon.initialState).pardon;
}

/** Lifts the pardon that an event granted, or grants the one again that it lifted, for the rest of its time. */
export async function planPardon(load: Load, target: RecordedEvent, at: number): Promise<Plan> {
  const loaded = await load(pardon, target.stream);
  const { subject, pardonId } = target.data as PardonEvent["data"];
  const [later] = standingAfter(loaded.events, target);
  if (later !== undefined) return { refused: conflictWith(target, later, `the pardon of ${subject.value}`) };
  const before = pardonBefore(loaded.events, target);
  const isGrant = target.type === "SenderPardoned";
  if (isGrant && before !== undefined) return { refused: replaced };
  if (!isGrant && (before === undefined || before.until <= at)) return { refused: over };
  const { voided: voidEvidence = [], ...again } = before ?? {};
  const decided = decideOn(
    pardon,
    loaded,
    isGrant
      ? { type: "LiftPardon", pardonId, at }
      : {
          ...(again as NonNullable<Granted>),
          type: "PardonSender",
          voidEvidence,
          facts: { at, scopeExists: true, unknownEvidence: [] },
        },
  );
  if ("refused" in decided) return { refused: over };
  return planOf({ write: { ...decided.write, undoes: decided.write.events.map(() => target.id) } });
}

const over: Refusal = { code: "UNDO_CONFLICT", message: "The pardon is over: there is nothing left to take back." };
const replaced: Refusal = {
  code: "UNDO_UNSUPPORTED",
  message: "This pardon took the place of an earlier one. Lift it (senderPardonLift), and grant the earlier one again.",
  details: { type: "SenderPardoned" },
};

/** What taking an event back changes: `before` is what it left, `after` what stood before it. */
export function pardonUndone(stream: readonly RecordedEvent[], target: RecordedEvent): readonly PolicyDifference[] {
  const { subject, ...data } = target.data as PardonEvent["data"];
  const granted = target.type === "SenderPardoned" ? { subject, ...data } : undefined;
  const earlier = stream.findLast(({ revision, type }) => revision < target.revision && type === "SenderPardoned")?.id;
  return [
    {
      part: "pardon",
      name: subject.value,
      before: standOf(granted as Granted, target.id),
      after: standOf(pardonBefore(stream, target), earlier),
      changedBy: target.id,
    },
  ];
}

function standOf(granted: Granted, byEvent: string | undefined) {
  if (granted === undefined) return undefined;
  const { pardonId, scope, until, voided, reason } = granted;
  const voidedEvents = voided.map((id) => idFromUuid("event", id));
  const value = { id: pardonId, until: new Date(until).toISOString(), voided: voidedEvents, reason: reason ?? null };
  return { value, scope: scopeId(scope), shown: true, byEvent };
}
