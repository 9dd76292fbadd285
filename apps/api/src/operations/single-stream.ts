import type { Decider, DomainEvent, Refusal } from "@mailfold/kernel";
import type { LoadedStream, Plan, PlannedWrite } from "./run-command.ts";

/** Decides one command on one loaded stream: its writes, or the refusal. */
export function decideOn<C, E extends DomainEvent, S, Code extends string>(
  decider: Decider<C, E, S, Code>,
  loaded: LoadedStream<S>,
  command: C,
): { readonly refused: Refusal } | { readonly write: PlannedWrite } {
  const decision = decider.decide(command, loaded.state);
  if (decision.refused !== undefined) return { refused: decision.refused };
  return { write: { stream: loaded.stream, expected: loaded.expected, events: decision.events } };
}

/** A plan of commands decided one after the other on different streams; the first refusal wins. */
export function planOf(
  ...decided: readonly ({ readonly refused: Refusal } | { readonly write: PlannedWrite })[]
): Plan {
  const writes: PlannedWrite[] = [];
  for (const one of decided) {
    if ("refused" in one) return { refused: one.refused };
    writes.push(one.write);
  }
  return { writes };
}
