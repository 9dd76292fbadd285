import type { DnsResolver } from "@mailfold/dns";
import { checkSpf } from "@mailfold/mail-auth";
import type { DnsListFact, Facts, HostFact, MissingFacts, NameFact, Need, SpfFact } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { canonicalIp } from "@mailfold/proxy-protocol";
import type { Metrics } from "@mailfold/telemetry";
import { confirmedHost } from "../confirmed-host.ts";
import { domainOf } from "../envelope-address.ts";
import { directorySource, type FetchFacts } from "../fact-source.ts";
import type { DnsLists } from "./dns-lists.ts";
import type { Greylist } from "./greylist.ts";
import { heloNameFact } from "./helo-name.ts";
import { Latest } from "./latest.ts";
import type { RecipientCounters } from "./recipient-counters.ts";
import { senderDomainFact } from "./sender-domain.ts";
import { TimeBudget } from "./time-budget.ts";

/** What all sessions of one process look peers up with. */
export interface PeerSources {
  readonly hostname: string;
  /** Every look-up bounded in time. */
  readonly resolver: DnsResolver;
  readonly directory: Directory;
  readonly dnsLists: DnsLists;
  readonly counters: RecipientCounters;
  readonly greylist: Greylist;
  readonly metrics: Pick<Metrics, "greylistOutcomes">;
  /** For all look-ups about one recipient together, ms. */
  readonly peerChecksMs: number;
}

type Patch = Partial<Facts>;
type Answer = (missing: MissingFacts, facts: Facts, budget: TimeBudget) => Patch | Promise<Patch>;

const noHost: HostFact = { status: "failed" };

/** Looks up what policy asks about one session's peer: each thing once, and never for longer than the budget. */
export class PeerFacts {
  private readonly sources: PeerSources;
  private readonly directory: FetchFacts;
  private readonly hosts = new Latest<HostFact>();
  /** Of the first address beyond trusted relays. */
  private readonly originHosts = new Latest<HostFact>();
  private readonly heloNames = new Latest<NameFact>();
  private readonly senderDomains = new Latest<NameFact>();
  private readonly spf = new Latest<SpfFact>();

  constructor(sources: PeerSources) {
    this.sources = sources;
    this.directory = directorySource(sources.directory);
  }

  /** The host of an address when it was looked up already. */
  knownHost(ip: string): HostFact | undefined {
    return this.hosts.known(ip);
  }

  /** For one phase of one recipient, whose look-ups share one time budget. What comes late is failed; the next asks again. */
  source(): FetchFacts {
    const budget = new TimeBudget(this.sources.peerChecksMs);
    return (missing, facts) => {
      const known = this.directory(missing, facts);
      const patches = missing.needs.map((need) => this.answers[need]?.(missing, facts, budget));
      return then(together(patches), (all) =>
        all.some((patch) => patch !== undefined) ? Object.assign({}, known, ...all) : known,
      );
    };
  }

  private readonly answers: { readonly [Name in Need]?: Answer } = {
    host: (_missing, facts, budget) => then(this.host(facts, budget), (host) => ({ host })),
    heloName: (_missing, facts, budget) => {
      const name = facts.helo ?? "";
      const ip = peerIp(facts);
      const found = this.heloNames.of(`${ip} ${name}`, () => heloNameFact(this.sources.resolver, name, ip));
      return then(inTime(found, budget, failedName(name)), (heloName) => ({ heloName }));
    },
    senderDomain: (_missing, facts, budget) => {
      const name = domainOf(facts.sender?.address ?? "");
      const found = this.senderDomains.of(name, () => senderDomainFact(this.sources.resolver, name));
      return then(inTime(found, budget, failedName(name)), (senderDomain) => ({ senderDomain }));
    },
    spf: (_missing, facts, budget) => then(this.senderPolicy(facts, budget), (spf) => ({ spf })),
    dnsLists: ({ zones = [] }, facts, budget) => {
      const ip = peerIp(facts);
      const words = zones.map(({ zone }) => {
        const late: DnsListFact = { zone, result: "failed" };
        return inTime(this.sources.dnsLists.ask(ip, zone), budget, late);
      });
      return then(together(words), (dnsLists) => ({ dnsLists }));
    },
    counters: ({ tenantId }, facts) => {
      const { address, found } = facts.recipient ?? {};
      if (address !== undefined && found?.kind === "foreign" && found.bounceFor !== undefined) {
        const bounces = { address, tenantId: found.bounceFor.tenantId };
        return { counters: this.sources.counters.readBounces(bounces, facts.at) };
      }
      const accounts = { mailboxId: facts.login?.mailboxId, tenantId: tenantId ?? facts.login?.tenantId };
      return { counters: this.sources.counters.read(accounts, facts.at) };
    },
    greylist: (missing, facts, budget) => this.greylist(missing, facts, budget),
  };

  private host(facts: Facts, budget: TimeBudget): HostFact | Promise<HostFact> {
    const { resolver, directory } = this.sources;
    const ip = peerIp(facts);
    const hosts = ip === facts.ip ? this.hosts : this.originHosts;
    return inTime(
      hosts.of(ip, () => confirmedHost(resolver, directory, ip)),
      budget,
      noHost,
    );
  }

  private senderPolicy(facts: Facts, budget: TimeBudget): SpfFact | Promise<SpfFact> {
    const ip = peerIp(facts);
    const helo = facts.helo ?? "";
    const mailFrom = facts.sender?.address ?? "";
    const late: SpfFact = {
      result: "temperror",
      identity: mailFrom === "" ? "helo" : "mailfrom",
      domain: mailFrom === "" ? helo : domainOf(mailFrom),
    };
    const found = this.spf.of(`${ip} ${helo} ${mailFrom}`, async () => {
      const { hostname, resolver, peerChecksMs } = this.sources;
      const { result, identity, domain } = await checkSpf({
        ip,
        helo,
        mailFrom,
        hostname,
        resolver,
        deadlineMs: peerChecksMs,
      });
      return { result, identity, domain };
    });
    return inTime(found, budget, late);
  }

  private greylist(missing: MissingFacts, facts: Facts, budget: TimeBudget): Patch | Promise<Patch> {
    const { greylist, metrics } = this.sources;
    const tried = {
      ip: peerIp(facts),
      sender: facts.sender?.address ?? "",
      recipient: facts.recipient?.address ?? "",
      at: facts.at,
    };
    const said = (fact: NonNullable<Facts["greylist"]>): Patch => {
      metrics.greylistOutcomes.inc({ outcome: fact.status });
      return { greylist: fact };
    };
    const known = greylist.known(tried);
    if (known !== undefined) return said(known);
    return then(facts.host ?? this.host(facts, budget), (host) => {
      const hostName = host.status === "confirmed" ? host.name : undefined;
      return said(greylist.check({ ...tried, hostName, delaySeconds: missing.greylistDelaySeconds ?? 0 }));
    });
  }
}

function failedName(name: string): NameFact {
  return { status: "failed", name };
}

/** Whose address the checks are about: behind trusted relays that of the first host beyond them. */
function peerIp(facts: Facts): string {
  // What stands in a header is text until it is read.
  return (facts.origin ? canonicalIp(facts.origin.ip) : undefined) ?? facts.ip;
}

function inTime<T>(value: T | Promise<T>, budget: TimeBudget, late: T): T | Promise<T> {
  return value instanceof Promise ? budget.within(value, () => late) : value;
}

function then<T, R>(value: T | Promise<T>, next: (value: T) => R): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function together<T>(values: readonly (T | Promise<T>)[]): readonly T[] | Promise<readonly T[]> {
  return values.some((value) => value instanceof Promise) ? Promise.all(values) : (values as readonly T[]);
}
