import type { DomainEvent } from "./event.ts";
import type { Refusal } from "./refusal.ts";

/** What a decider answers: events to record (none = nothing new happened), or a refusal. */
export type Decision<E, Code extends string> =
  | { readonly events: readonly E[]; readonly refused?: never }
  | { readonly refused: Refusal<Code>; readonly events?: never };

/** The three members of event-sourced decisions: pure, so that time, ids and outside facts arrive in the command. */
export interface Decider<Command, E extends DomainEvent, State, Code extends string = string> {
  /** The aggregate's name, as in docs/reference/refusals.md. */
  readonly name: string;
  readonly initialState: State;
  decide(command: Command, state: State): Decision<E, Code>;
  evolve(state: State, event: E): State;
}

/** Records events; none means that the command had already been done. */
export function record<E>(...events: E[]): { readonly events: readonly E[] } {
  return { events };
}

/** Refuses with a catalogued code. */
export function refuse<Code extends string>(
  code: Code,
  message: string,
  more: Pick<Refusal, "path" | "details"> = {},
): { readonly refused: Refusal<Code> } {
  return { refused: { code, message, ...more } };
}
