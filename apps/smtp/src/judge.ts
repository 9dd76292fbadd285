import type { Facts, HostFact, Phase, PolicySource, Verdict } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { senderOwner } from "./directory-facts.ts";

/** A verdict with the facts it was reached on. */
export interface Judged {
  readonly verdict: Verdict;
  readonly facts: Facts;
}

export interface JudgeSources {
  readonly policy: PolicySource;
  readonly directory: Directory;
  /** Forward-confirmed name of the peer, looked up at most once. */
  readonly host: () => Promise<HostFact>;
}

// Each round answers every need named; more rounds than needs exist is a bug of the policy engine.
const roundsMax = 4;

/**
 * Asks policy about one phase and fetches what it still needs. Answers at once when no network is involved, so that the
 * common case costs no promise.
 */
export function judge(sources: JudgeSources, phase: Phase, facts: Facts, round = 0): Judged | Promise<Judged> {
  const evaluation = sources.policy.current().evaluate(phase, facts);
  if (evaluation.verdict !== undefined) return { verdict: evaluation.verdict, facts };
  if (round >= roundsMax) throw new Error(`policy keeps asking for ${evaluation.needs.join(", ")} in phase ${phase}`);
  let more = facts;
  if (evaluation.needs.includes("senderOwner")) {
    more = { ...more, senderOwner: senderOwner(sources.directory, more.sender?.address ?? "") };
  }
  if (evaluation.needs.includes("peerTenant") && evaluation.tenantId !== undefined) {
    const tenant = sources.directory.tenant(evaluation.tenantId);
    const peerTenant =
      tenant === undefined
        ? null
        : { tenantId: tenant.tenantId, resellerId: tenant.resellerId, submissionOff: tenant.switches.submission };
    more = { ...more, peerTenant };
  }
  if (!evaluation.needs.includes("host")) return judge(sources, phase, more, round + 1);
  return sources.host().then((host) => judge(sources, phase, { ...more, host }, round + 1));
}

/** Continues at once with a value, or later with a promised one. */
export function whenReady<T>(value: T | Promise<T>, then: (value: T) => void): void | Promise<void> {
  return value instanceof Promise ? value.then(then) : then(value);
}
