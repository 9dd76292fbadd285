import type { Decider, Decision, ShadowId } from "@mailfold/kernel";
import { assertNever, record, refuse } from "@mailfold/kernel";
import { checkText, invalid, present } from "../input-text.ts";
import type { DomainRefusal, RefusalCode } from "../refusals.ts";
import type { Scope } from "../scope.ts";
import type { ShadowChange, ShadowEvent } from "./events.ts";

/** Bounds of shadows. */
export const shadowLimits = { perScope: 4, lengthMsMax: 30 * 86_400_000, changesMax: 100 } as const;

/** Begins to judge changes beside the policy in force. */
export interface StartShadow {
  readonly type: "StartShadow";
  readonly shadowId: ShadowId;
  readonly scope: Scope;
  readonly changes: readonly ShadowChange[];
  /** Milliseconds since the epoch, at most 30 days ahead. */
  readonly expiresAt: number;
  readonly note?: string;
  readonly facts: {
    /** Milliseconds since the epoch. */
    readonly at: number;
    readonly scopeExists: boolean;
    /** Why the changes cannot be made on the policy in force; from libs/policy. */
    readonly changeRefusal?: DomainRefusal;
  };
}
/** Ends a shadow: its changes are made in earnest (by other deciders, in the same commit), or given up. */
export interface EndShadow {
  readonly type: "PromoteShadow" | "DropShadow";
  readonly shadowId: ShadowId;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
export type ShadowCommand = StartShadow | EndShadow;

/** Shadows of a scope that were neither promoted nor dropped, by id; some may be over. */
export interface ShadowState {
  readonly standing: Readonly<Record<string, StandingShadow>>;
}
/** One of them. */
export interface StandingShadow {
  readonly scope: Scope;
  readonly changes: readonly ShadowChange[] | null;
  readonly expiresAt: number;
}

/** Stream `shadow-<scope id>`. */
export const shadow: Decider<ShadowCommand, ShadowEvent, ShadowState, RefusalCode> = {
  name: "shadow",
  initialState: { standing: {} },
  decide(command, state) {
    switch (command.type) {
      case "StartShadow":
        return start(command, state);
      case "PromoteShadow":
      case "DropShadow":
        return end(command, state);
      default:
        return assertNever(command);
    }
  },
  evolve({ standing }, event) {
    const { shadowId } = event.data;
    switch (event.type) {
      case "ShadowStarted": {
        const { changes, expiresAt, scope } = event.data;
        return { standing: { ...standing, [shadowId]: { scope, changes, expiresAt } } };
      }
      case "ShadowPromoted":
      case "ShadowDropped": {
        const { [shadowId]: _ended, ...rest } = standing;
        return { standing: rest };
      }
      default:
        return assertNever(event);
    }
  },
};

function start(command: StartShadow, { standing }: ShadowState): Decision<ShadowEvent, RefusalCode> {
  const { changes, expiresAt, facts, note, scope, shadowId } = command;
  if (!facts.scopeExists) return refuse("NOT_FOUND", "there is no such scope", { path: ["scope"] });
  if (Object.hasOwn(standing, shadowId)) return refuse("ALREADY_EXISTS", "there is a shadow of this id");
  const refused = checkText("note", note);
  if (refused !== undefined) return { refused };
  if (changes.length === 0 || changes.length > shadowLimits.changesMax) {
    return { refused: invalid("changes", `a shadow has 1 to ${shadowLimits.changesMax} changes`) };
  }
  if (!(Number.isSafeInteger(expiresAt) && expiresAt > facts.at && expiresAt <= facts.at + shadowLimits.lengthMsMax)) {
    return { refused: invalid("expiresAt", "expiresAt lies in the future, at most 30 days ahead") };
  }
  if (facts.changeRefusal !== undefined) return { refused: facts.changeRefusal };
  const running = Object.values(standing).filter((each) => each.expiresAt > facts.at);
  if (running.length >= shadowLimits.perScope) {
    return refuse("SHADOWS_FULL", `a scope runs at most ${shadowLimits.perScope} shadows at once`);
  }
  return record({ type: "ShadowStarted", data: present({ shadowId, scope, changes, expiresAt, note }) });
}

function end({ at, shadowId, type }: EndShadow, { standing }: ShadowState): Decision<ShadowEvent, RefusalCode> {
  const found = Object.hasOwn(standing, shadowId) ? standing[shadowId] : undefined;
  if (found === undefined || found.expiresAt <= at)
    return refuse("NOT_FOUND", "there is no such shadow, or it is over");
  const data = { shadowId, scope: found.scope };
  return record(type === "PromoteShadow" ? { type: "ShadowPromoted", data } : { type: "ShadowDropped", data });
}
