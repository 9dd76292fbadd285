import type { Decider, Decision, PardonId } from "@mailfold/kernel";
import { assert, assertNever, record, refuse } from "@mailfold/kernel";
import { checkText, invalid, present } from "../input-text.ts";
import type { ListingScope, ListingSubject } from "../listing/events.ts";
import type { RefusalCode } from "../refusals.ts";
import type { PardonEvent } from "./events.ts";

/** Bounds of a pardon. */
export const pardonLimits = { lengthMsMax: 366 * 86_400_000, voidedMax: 100 } as const;

/** Outside facts of PardonSender. */
export interface PardonSenderFacts {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly scopeExists: boolean;
  /** Why the subject is none that can be listed; absent = it is one, in canonical form. */
  readonly subjectProblem?: string;
  /** Of `voidEvidence`, those that are no evidence the caller may see. */
  readonly unknownEvidence: readonly string[];
}
/** Forgives a sender until a time. Again while a pardon stands: the new one takes its place, and what the former voided stays void. */
export interface PardonSender {
  readonly type: "PardonSender";
  readonly pardonId: PardonId;
  readonly scope: ListingScope;
  /** As libs/reputation writes subjects. */
  readonly subject: ListingSubject;
  /** Milliseconds since the epoch, at most 366 days ahead. */
  readonly until: number;
  readonly voidEvidence?: readonly string[];
  readonly reason?: string;
  readonly redeliver?: boolean;
  readonly facts: PardonSenderFacts;
}
/** Takes the standing pardon back. */
export interface LiftPardon {
  readonly type: "LiftPardon";
  readonly pardonId: PardonId;
  readonly reason?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
export type PardonCommand = PardonSender | LiftPardon;

/** The pardon of one sender at one scope; undefined = there is none, or it was lifted. */
export interface PardonState {
  readonly pardon?: {
    readonly pardonId: PardonId;
    readonly scope: ListingScope;
    readonly subject: ListingSubject;
    readonly until: number;
    readonly voided: readonly string[];
    readonly reason?: string;
    readonly redeliver?: boolean;
  };
}
type Answer = Decision<PardonEvent, RefusalCode>;

/** Stream `pardon-<platform or tenant id>.<HMAC of subject>`. */
export const pardon: Decider<PardonCommand, PardonEvent, PardonState, RefusalCode> = {
  name: "pardon",
  initialState: {},
  decide(command, state) {
    switch (command.type) {
      case "PardonSender":
        return grant(command, state);
      case "LiftPardon":
        return lift(command, state);
      default:
        return assertNever(command);
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case "SenderPardoned":
        return { pardon: event.data };
      case "PardonLifted":
        assert(state.pardon?.pardonId === event.data.pardonId, "the pardon that stands is lifted");
        return {};
      default:
        return assertNever(event);
    }
  },
};

function grant(command: PardonSender, state: PardonState): Answer {
  const { pardonId, scope, subject, until, reason, facts } = command;
  if (!facts.scopeExists) return refuse("NOT_FOUND", "there is no such scope", { path: ["scope"] });
  if (facts.subjectProblem !== undefined) return { refused: invalid("subject", facts.subjectProblem) };
  const refused = checkText("note", reason);
  if (refused !== undefined) return { refused: { ...refused, path: ["reason"] } };
  const voided = [...new Set(command.voidEvidence ?? [])];
  if (voided.length > pardonLimits.voidedMax) {
    return { refused: invalid("voidEvidence", `a pardon voids at most ${pardonLimits.voidedMax} pieces of evidence`) };
  }
  const [unknown] = facts.unknownEvidence;
  if (unknown !== undefined) {
    return refuse("NOT_FOUND", `${unknown} is no evidence of this scope`, { path: ["voidEvidence"] });
  }
  const redeliver = command.redeliver === true ? true : undefined;
  const standing = state.pardon;
  if (standing !== undefined && isSame(standing, { until, reason, redeliver, voided })) return record();
  if (!(Number.isSafeInteger(until) && until > facts.at && until <= facts.at + pardonLimits.lengthMsMax)) {
    return { refused: invalid("until", "until lies in the future, at most 366 days ahead") };
  }
  const data = present({ pardonId, scope, subject, until, voided, reason, redeliver });
  return record({ type: "SenderPardoned", data });
}

function lift({ pardonId, reason, at }: LiftPardon, { pardon }: PardonState): Answer {
  if (pardon?.pardonId !== pardonId) return refuse("NOT_FOUND", "there is no such pardon");
  const refused = checkText("note", reason);
  if (refused !== undefined) return { refused: { ...refused, path: ["reason"] } };
  // One that is over stops nothing any more, but what it voided can still be given back.
  if (pardon.until <= at && pardon.voided.length === 0) return refuse("NOT_FOUND", "the pardon is over");
  const { scope, subject } = pardon;
  return record({ type: "PardonLifted", data: present({ pardonId, scope, subject, reason }) });
}

type Granted = NonNullable<PardonState["pardon"]>;
interface Wanted {
  readonly until: number;
  readonly reason: string | undefined;
  readonly redeliver: true | undefined;
  readonly voided: readonly string[];
}

function isSame(standing: Granted, wanted: Wanted): boolean {
  const { until, reason, redeliver, voided } = standing;
  if (until !== wanted.until || reason !== wanted.reason || redeliver !== wanted.redeliver) return false;
  return voided.length === wanted.voided.length && voided.every((id) => wanted.voided.includes(id));
}
