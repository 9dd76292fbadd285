import type { DnsListFact, Facts, MissingFacts, Need } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { senderOwner } from "./directory-facts.ts";

/**
 * Fetches facts that policy asked for: answers the same facts with those of `missing.needs` that it knows how to get added,
 * at once when no waiting is involved. A look-up that fails or comes late is a fact (`failed`), never an exception. Needs
 * that it does not know it leaves to others.
 */
export type FetchFacts = (missing: MissingFacts, facts: Facts) => Facts | Promise<Facts>;

/** Several sources as one, asked in parallel; each adds what it knows. */
export function allSources(...sources: readonly FetchFacts[]): FetchFacts {
  return (missing, facts) => {
    const answers = sources.map((source) => source(missing, facts));
    const join = (all: readonly Facts[]): Facts => all.reduce((sum, answer) => withNew(sum, facts, answer), facts);
    return answers.some((answer) => answer instanceof Promise)
      ? Promise.all(answers).then(join)
      : join(answers as readonly Facts[]);
  };
}

/** What `answer` knows beyond `before`, added to `sum`. */
function withNew(sum: Facts, before: Facts, answer: Facts): Facts {
  if (answer === before) return sum;
  const content =
    sum.content === undefined || answer.content === undefined
      ? (answer.content ?? sum.content)
      : { ...sum.content, ...changed(before.content ?? {}, answer.content) };
  return { ...sum, ...changed(before, answer), ...(content === undefined ? {} : { content }) };
}

function changed<T extends object>(before: Partial<T>, after: T): Partial<T> {
  const keys = (Object.keys(after) as (keyof T)[]).filter((key) => after[key] !== before[key]);
  return Object.fromEntries(keys.map((key) => [key, after[key]])) as Partial<T>;
}

/** Facts of our own directory: `senderOwner` and `peerTenant`. */
export function directorySource(directory: Directory): FetchFacts {
  return (missing, facts) => {
    let more = facts;
    if (missing.needs.includes("senderOwner")) {
      more = { ...more, senderOwner: senderOwner(directory, facts.sender?.address ?? "") };
    }
    if (missing.needs.includes("peerTenant")) {
      const tenant = missing.tenantId === undefined ? undefined : directory.tenant(missing.tenantId);
      const peerTenant =
        tenant === undefined
          ? null
          : { tenantId: tenant.tenantId, resellerId: tenant.resellerId, submissionOff: tenant.switches.submission };
      more = { ...more, peerTenant };
    }
    return more;
  };
}

/**
 * For a peer that is gone: what only it could have shown is failed, or never limited it. A failed look-up adds nothing and
 * refuses nothing.
 */
export const absentPeerSource: FetchFacts = (missing, facts) => {
  const answers: { readonly [Name in Need]?: () => Partial<Facts> } = {
    host: () => ({ host: { status: "failed" } }),
    heloName: () => ({ heloName: { status: "failed", name: facts.helo ?? "" } }),
    senderDomain: () => ({ senderDomain: { status: "failed", name: senderDomainOf(facts) } }),
    spf: () => ({ spf: { result: "temperror", identity: "mailfrom", domain: senderDomainOf(facts) } }),
    dnsLists: () => ({ dnsLists: (missing.zones ?? []).map(({ zone }) => answered(facts, zone)) }),
    counters: () => ({ counters: {} }),
    greylist: () => ({ greylist: { status: "known" } }),
  };
  const patches = missing.needs.map((need) => answers[need]?.()).filter((patch) => patch !== undefined);
  return patches.length === 0 ? facts : Object.assign({}, facts, ...patches);
};

/** What a DNS list said while the peer was there. */
function answered({ dnsLists = [] }: Facts, zone: string): DnsListFact {
  return dnsLists.find((fact) => fact.zone === zone) ?? { zone, result: "failed" };
}

function senderDomainOf(facts: Facts): string {
  const address = facts.sender?.address ?? "";
  return address.slice(address.lastIndexOf("@") + 1);
}
