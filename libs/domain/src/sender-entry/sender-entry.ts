import type { Decider, Decision, SenderEntryId } from "@mailfold/kernel";
import { assert, assertNever, record, refuse } from "@mailfold/kernel";
import { checkText, invalid, present } from "../input-text.ts";
import type { RefusalCode } from "../refusals.ts";
import type { Scope } from "../scope.ts";
import type { SenderEntryEvent, SenderList } from "./events.ts";

/** Outside facts of AddSenderEntry. */
export interface AddSenderEntryFacts {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly scopeExists: boolean;
  /** Why libs/policy does not take the pattern on this list at this scope; absent = it does. */
  readonly patternProblem?: string;
  /** The platform has unlocked trustUnverified for this scope. */
  readonly trustUnverifiedUnlocked: boolean;
}
/** The same pattern again replaces expiry, note and trust, under the entry's first id. */
export interface AddSenderEntry {
  readonly type: "AddSenderEntry";
  readonly entryId: SenderEntryId;
  readonly scope: Scope;
  readonly list: SenderList;
  /** Canonical (libs/policy parseSenderPattern). */
  readonly pattern: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  readonly note?: string;
  readonly trustUnverified?: boolean;
  readonly facts: AddSenderEntryFacts;
}
export interface RemoveSenderEntry {
  readonly type: "RemoveSenderEntry";
  readonly entryId: SenderEntryId;
}
export type SenderEntryCommand = AddSenderEntry | RemoveSenderEntry;

export interface SenderEntry {
  readonly entryId: SenderEntryId;
  readonly scope: Scope;
  readonly list: SenderList;
  readonly pattern: string;
  readonly expiresAt?: number;
  readonly note?: string;
  readonly trustUnverified?: boolean;
}
/** One pattern at one scope: on the accept list, the kill list, both, or neither. */
export interface SenderEntryState {
  readonly accept?: SenderEntry;
  readonly kill?: SenderEntry;
}
type Answer = Decision<SenderEntryEvent, RefusalCode>;

/** Stream `senderentry-<scope id>.<HMAC of pattern>`. */
export const senderEntry: Decider<SenderEntryCommand, SenderEntryEvent, SenderEntryState, RefusalCode> = {
  name: "senderEntry",
  initialState: {},
  decide(command, state) {
    switch (command.type) {
      case "AddSenderEntry":
        return add(command, state);
      case "RemoveSenderEntry": {
        const entry = [state.accept, state.kill].find((standing) => standing?.entryId === command.entryId);
        if (entry === undefined) return refuse("NOT_FOUND", "there is no such entry");
        const { entryId, scope, list, pattern } = entry;
        return record({ type: "SenderEntryRemoved", data: { entryId, scope, list, pattern } });
      }
      default:
        return assertNever(command);
    }
  },
  evolve(state, event) {
    const { list, entryId } = event.data;
    switch (event.type) {
      case "SenderEntryAdded":
        assert((state[list]?.entryId ?? entryId) === entryId, "an entry keeps its first id");
        return { ...state, [list]: event.data };
      case "SenderEntryRemoved": {
        assert(state[list]?.entryId === entryId, "the entry that stands is removed");
        const { [list]: _gone, ...rest } = state;
        return rest;
      }
      default:
        return assertNever(event);
    }
  },
};

function add(command: AddSenderEntry, state: SenderEntryState): Answer {
  const { scope, list, pattern, expiresAt, note, facts } = command;
  // false and absent mean the same; only one of them is stored.
  const trustUnverified = command.trustUnverified === true ? true : undefined;
  if (!facts.scopeExists) return refuse("NOT_FOUND", "there is no such scope", { path: ["scope"] });
  if (list !== "accept" && list !== "kill") return { refused: invalid("list", "list is accept or kill") };
  if (facts.patternProblem !== undefined) return refuse("PATTERN_INVALID", facts.patternProblem, { path: ["pattern"] });
  const refused = checkText("note", note);
  if (refused !== undefined) return { refused };
  if (trustUnverified && list === "kill") {
    return { refused: invalid("trustUnverified", "trustUnverified belongs to accept entries") };
  }
  const standing = state[list];
  const entryId = standing?.entryId ?? command.entryId;
  const entry: SenderEntry = present({ entryId, scope, list, pattern, expiresAt, note, trustUnverified });
  if (standing !== undefined && sameEntry(standing, entry)) return record();
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt > facts.at)) {
    return { refused: invalid("expiresAt", "expiresAt must lie in the future") };
  }
  if (trustUnverified && !facts.trustUnverifiedUnlocked) {
    return refuse("UNLOCK_REQUIRED", "trustUnverified needs the platform's unlock", { path: ["trustUnverified"] });
  }
  return record({ type: "SenderEntryAdded", data: entry });
}

function sameEntry(a: SenderEntry, b: SenderEntry): boolean {
  return (
    a.expiresAt === b.expiresAt && a.note === b.note && (a.trustUnverified ?? false) === (b.trustUnverified ?? false)
  );
}
