import { type AddressRecord, type DnsAnswer, type DnsResolver, dnsListName } from "@mailfold/dns";
import type { SettingValue } from "@mailfold/domain";
import type { Clock } from "@mailfold/kernel";
import type { DnsListFact, DnsListZone } from "@mailfold/policy";
import type { Metrics } from "@mailfold/telemetry";

interface DnsListLimits {
  /** Answers remembered; the one asked longest ago goes first. */
  readonly answersMax: number;
  /** Questions under way at once; further ones fail. */
  readonly questionsMax: number;
  /** An answer's own TTL counts between these; one that has none (such as "not listed") lives for the least. */
  readonly ttlMsMin: number;
  readonly ttlMsMax: number;
  /** How long a list that failed on a name is not asked again. */
  readonly failureTtlMs: number;
}

const defaultLimits: DnsListLimits = {
  answersMax: 50_000,
  questionsMax: 2_000,
  ttlMsMin: 5 * 60_000,
  ttlMsMax: 60 * 60_000,
  failureTtlMs: 60_000,
};

interface Remembered {
  readonly fact: DnsListFact;
  readonly until: number;
}

// A tenant names zones as it likes: a metric's labels must stay few.
const zonesCountedMax = 50;

/** DNS lists about peers (RFC 5782): one question for all sessions that want to know the same, answers remembered. */
export class DnsLists {
  private readonly resolver: DnsResolver;
  private readonly clock: Clock;
  private readonly queries: Metrics["dnsListQueries"];
  private readonly limits: DnsListLimits;
  private readonly answers = new Map<string, Remembered>();
  private readonly asking = new Map<string, Promise<DnsListFact>>();
  private readonly zonesCounted = new Set<string>();

  constructor(deps: {
    /** Its look-ups must be bounded in time. */
    readonly resolver: DnsResolver;
    readonly clock: Clock;
    /** Counts questions by `zone` and `result`. */
    readonly queries: Metrics["dnsListQueries"];
    readonly limits?: Partial<DnsListLimits>;
  }) {
    this.resolver = deps.resolver;
    this.clock = deps.clock;
    this.queries = deps.queries;
    this.limits = { ...defaultLimits, ...deps.limits };
  }

  /** One list's word on an address; at once when it is remembered. */
  ask(ip: string, zone: string): DnsListFact | Promise<DnsListFact> {
    const name = dnsListName(ip, zone);
    const known = this.remembered(name);
    if (known !== undefined) return known;
    const underWay = this.asking.get(name);
    if (underWay !== undefined) return underWay;
    if (this.asking.size >= this.limits.questionsMax) return { zone, result: "failed" };
    const question = this.look(name, zone).finally(() => this.asking.delete(name));
    this.asking.set(name, question);
    return question;
  }

  /** Whether a welcome list among the zones of a `dnsbl` setting is remembered to know an address; nobody is asked. */
  welcomes(ip: string, dnsbl: SettingValue): boolean {
    if (!Array.isArray(dnsbl)) return false;
    return (dnsbl as unknown as readonly DnsListZone[]).some(
      ({ welcome, zone }) => welcome === true && this.remembered(dnsListName(ip, zone))?.result === "listed",
    );
  }

  private remembered(name: string): DnsListFact | undefined {
    const known = this.answers.get(name);
    return known !== undefined && known.until > this.clock.now() ? known.fact : undefined;
  }

  private async look(name: string, zone: string): Promise<DnsListFact> {
    const answer = await this.lookUp(name);
    const fact = readAnswer(zone, answer);
    this.remember(name, fact, this.lifetimeMs(fact, answer));
    this.queries.inc({ zone: this.zoneLabel(zone), result: fact.result });
    return fact;
  }

  private async lookUp(name: string): Promise<DnsAnswer<AddressRecord>> {
    if (this.resolver.addressRecords !== undefined) return this.resolver.addressRecords(name);
    const answer = await this.resolver.addresses(name, 4);
    if (answer.status !== "found") return answer;
    return { status: "found", records: answer.records.map((address) => ({ address, ttlSeconds: 0 })) };
  }

  private lifetimeMs(fact: DnsListFact, answer: DnsAnswer<AddressRecord>): number {
    const { failureTtlMs, ttlMsMax, ttlMsMin } = this.limits;
    if (fact.result === "failed") return failureTtlMs;
    const ttlMs = answer.status === "found" ? Math.min(...answer.records.map((each) => each.ttlSeconds)) * 1_000 : 0;
    return Math.min(ttlMsMax, Math.max(ttlMsMin, ttlMs));
  }

  private remember(name: string, fact: DnsListFact, lifetimeMs: number): void {
    this.answers.delete(name);
    for (const oldest of this.answers.keys()) {
      if (this.answers.size < this.limits.answersMax) break;
      this.answers.delete(oldest);
    }
    this.answers.set(name, { fact, until: this.clock.now() + lifetimeMs });
  }

  private zoneLabel(zone: string): string {
    if (this.zonesCounted.size < zonesCountedMax) this.zonesCounted.add(zone);
    return this.zonesCounted.has(zone) ? zone : "other";
  }
}

/** Only 127.0.0.0/8 says something (RFC 5782 2.1); 127.255.255.0/24 is how lists say that they were not to be asked like this. */
function readAnswer(zone: string, answer: DnsAnswer<AddressRecord>): DnsListFact {
  if (answer.status === "failed") return { zone, result: "failed" };
  const answers = answer.status === "found" ? answer.records.map(({ address }) => address).slice(0, 10) : [];
  if (answers.some((address) => address.startsWith("127.255.255."))) return { zone, result: "failed", answers };
  const listed = answers.filter((address) => address.startsWith("127."));
  return listed.length > 0 ? { zone, result: "listed", answers: listed } : { zone, result: "clear" };
}
