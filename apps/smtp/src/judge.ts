import type { ShadowVerdict } from "@mailfold/events";
import type { Facts, Phase, PolicySource, Verdict } from "@mailfold/policy";
import type { FetchFacts } from "./fact-source.ts";

/** A verdict with the facts it was reached on. */
export interface Judged {
  readonly verdict: Verdict;
  readonly facts: Facts;
  /** What shadows came to; for the record alone. */
  readonly shadows?: readonly ShadowVerdict[];
}

export interface JudgeSources {
  readonly policy: PolicySource;
  /** Answers what policy asks for; must know every need of the phases it is used for. */
  readonly fetch: FetchFacts;
}

// Each round answers every need named; more rounds than needs exist is a bug of the policy engine.
const roundsMax = 16;

/**
 * Asks policy about one phase and fetches what it still needs, all needs of a round in parallel. Answers at once when nothing
 * has to be waited for, so that the common case costs no promise.
 */
export function judge(sources: JudgeSources, phase: Phase, facts: Facts, round = 0): Judged | Promise<Judged> {
  const evaluation = sources.policy.current().evaluate(phase, facts);
  if (evaluation.verdict !== undefined) return { verdict: evaluation.verdict, facts };
  const asked = evaluation.needs.join(", ");
  if (round >= roundsMax) throw new Error(`policy keeps asking for ${asked} in phase ${phase}`);
  const goOn = (more: Facts): Judged | Promise<Judged> => {
    if (more === facts) throw new Error(`nobody can answer ${asked} in phase ${phase}`);
    return judge(sources, phase, more, round + 1);
  };
  const more = sources.fetch(evaluation, facts);
  return more instanceof Promise ? more.then(goOn) : goOn(more);
}

/** Continues at once with a value, or later with a promised one. */
export function whenReady<T>(value: T | Promise<T>, then: (value: T) => void): void | Promise<void> {
  return value instanceof Promise ? value.then(then) : then(value);
}
