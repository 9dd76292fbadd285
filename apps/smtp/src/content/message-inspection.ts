import type { MessageAuthResult, SpfCheck } from "@mailfold/mail-auth";
import type { MessageText } from "@mailfold/mime";
import type {
  AuthenticationFact,
  ClassifierFact,
  CompiledPolicy,
  ContentFindingFact,
  Facts,
  MissingFacts,
  RulesFact,
  ScanFact,
} from "@mailfold/policy";
import { RuleBudget } from "@mailfold/rules";
import type { FetchFacts } from "../fact-source.ts";
import { TimeBudget } from "../peer/time-budget.ts";
import { authenticationFact } from "./authentication-fact.ts";
import type { ContentServices } from "./content-services.ts";
import type { ContentReading, ListFindings } from "./read-content.ts";
import { noRules, type RuleMessage, ruleHeaders, runMessageRules } from "./run-message-rules.ts";
import { brokenScanner, outOfTime, type Scanner, scanWith } from "./scan-message.ts";
import { contentSettings, scopeRules } from "./setting-lists.ts";

/** The message under judgement, as it came. */
export interface InspectedMessage {
  readonly bytes: Uint8Array;
  readonly transactionId: string;
  /** All recipients of the transaction. */
  readonly recipients: readonly string[];
}

type Content = NonNullable<Facts["content"]>;
type Patch = Partial<Content>;

/** For everything that one message is asked, all recipients together. */
const inspectionMs = 40_000;
const authenticationMs = 10_000;
/** Points for a message that takes longer to read than any honest one; that we are busy is no fault of its. */
const tooCostly: ContentFindingFact = {
  check: "mime",
  name: "mime-too-costly",
  score: 2,
  detail: "reading the message exceeded its budget",
};
const unsure: ClassifierFact = { verdict: "unsure", probability: 0.5, tokens: [] };
const untrained: ClassifierFact = { verdict: "untrained", probability: 0.5, tokens: [] };

/**
 * Looks a message up in everything that policy asks about content: each thing once, whoever asks, and all of it within one
 * time budget. What fails or comes late is a fact, never an exception.
 */
export class MessageInspection {
  private readonly services: ContentServices;
  private readonly message: InspectedMessage;
  private readonly budget: TimeBudget;
  private readonly authentications = new Map<string, Promise<MessageAuthResult | undefined>>();
  private readonly scans = new Map<string, Promise<ScanFact[Scanner]>>();
  private readonly searches = new Map<object, Promise<ListFindings | undefined>>();
  private readonly classified = new Map<string, Promise<ClassifierFact>>();
  private readonly rulesInForce = nothingSpent();
  /** What shadows spend and leave open is not missing where it decides. */
  private readonly rulesOnTrial = nothingSpent();
  private reading: Promise<Reading> | undefined;
  private headers: ReturnType<typeof ruleHeaders> | undefined;

  constructor(services: ContentServices, message: InspectedMessage, budgetMs: number = inspectionMs) {
    this.services = services;
    this.message = message;
    this.budget = new TimeBudget(budgetMs);
  }

  /** Answers the needs authentication, scan, classify, findings and rules; leaves others alone. */
  readonly source: FetchFacts = (missing, facts) =>
    this.answer(missing, facts, this.services.policy.current(), this.rulesInForce);

  /** The same by the settings and rules of another policy. */
  readonly sourceUnder = (policy: CompiledPolicy): FetchFacts => {
    return (missing, facts) => this.answer(missing, facts, policy, this.rulesOnTrial);
  };

  private answer(
    missing: MissingFacts,
    facts: Facts,
    policy: CompiledPolicy,
    spent: SpentOnRules,
  ): Facts | Promise<Facts> {
    const { content } = facts;
    if (content === undefined) return facts;
    const asked = missing.needs.flatMap((need) => {
      if (need === "rules") return this.rules(missing, facts, { policy, spent }).then((rules) => ({ rules }));
      return this.patches[need as PatchedNeed]?.(missing, facts, policy) ?? [];
    });
    if (asked.length === 0) return facts;
    return Promise.all(asked).then((all) => ({ ...facts, content: Object.assign({}, content, ...all) }));
  }

  /** The whole result for the peer of these facts, asked now if it was not before; undefined when it came too late. */
  authenticate(facts: Facts): Promise<MessageAuthResult | undefined> {
    const ip = facts.origin?.ip ?? facts.ip;
    const found = memo(this.authentications, `${ip} ${facts.sender?.address}`, () => this.askAuthentication(ip, facts));
    return this.budget.within(found, () => undefined);
  }

  /** The result for these facts, if policy asked for it. */
  known(facts: Facts): Promise<MessageAuthResult | undefined> | undefined {
    return this.authentications.get(`${facts.origin?.ip ?? facts.ip} ${facts.sender?.address}`);
  }

  private readonly patches: {
    readonly [Name in PatchedNeed]: (missing: MissingFacts, facts: Facts, policy: CompiledPolicy) => Promise<Patch>;
  } = {
    authentication: async (_missing, facts) => ({ authentication: await this.authentication(facts) }),
    scan: async (missing, facts) => ({ scan: await this.scan(missing.scanners ?? [], facts) }),
    classify: async (missing) => ({ classifier: await this.classify(missing) }),
    findings: async (missing, _facts, policy) => ({ findings: await this.findings(missing, policy) }),
  };

  private async authentication(facts: Facts): Promise<AuthenticationFact> {
    const result = await this.authenticate(facts);
    return result === undefined ? failedAuthentication(facts) : authenticationFact(result);
  }

  private askAuthentication(ip: string, facts: Facts): Promise<MessageAuthResult | undefined> {
    const { auth, resolver, hostname } = this.services;
    return this.attempt("authentication", () =>
      auth.authenticate({
        ip,
        helo: facts.helo ?? "",
        mailFrom: facts.sender?.address ?? "",
        hostname,
        message: this.message.bytes,
        deadlineMs: authenticationMs,
        resolver,
        ...(facts.spf === undefined ? {} : { spf: facts.spf satisfies SpfCheck }),
      }),
    );
  }

  private async scan(scanners: readonly Scanner[], facts: Facts): Promise<ScanFact> {
    const found = await Promise.all(
      scanners.map(async (scanner) => {
        // rspamd is told of the peer, which is another one behind another tenant's trusted relays.
        const key = scanner === "rspamd" ? `${scanner} ${facts.origin?.ip ?? facts.ip}` : scanner;
        const asked = memo(this.scans, key, async () => {
          const answer = await this.attempt(scanner, async () => ({
            fact: await scanWith(this.services, scanner, this.message, facts),
          }));
          return answer === undefined ? brokenScanner : answer.fact;
        });
        return [scanner, await this.budget.within(asked, (): ScanFact[Scanner] => outOfTime)] as const;
      }),
    );
    return Object.fromEntries(found.filter(([, fact]) => fact !== undefined)) as ScanFact;
  }

  private async classify({ tenantId }: MissingFacts): Promise<ClassifierFact> {
    const { classifier } = this.services;
    if (classifier === undefined || tenantId === undefined) return untrained;
    const asked = memo(this.classified, tenantId, async () => {
      const reading = await this.read();
      if (typeof reading === "string") return unsure;
      const fact = await this.attempt("classifier", async () => classifier.classify(tenantId, reading.tokens));
      return fact ?? unsure;
    });
    return this.budget.within(asked, () => unsure);
  }

  private async findings({ path }: MissingFacts, policy: CompiledPolicy): Promise<readonly ContentFindingFact[]> {
    const { checks, lists, key } = contentSettings(policy, path ?? {});
    const hasLists = lists.phrases.length > 0 || lists.urls.length > 0;
    if (checks.length === 0 && !hasLists) return [];
    const reading = await this.readInTime();
    if (typeof reading === "string") return reading === "too-costly" && checks.includes("mime") ? [tooCostly] : [];
    const asked = hasLists
      ? memo(this.searches, key, () => this.attempt("search", () => this.services.reader.search(reading.text, lists)))
      : undefined;
    const listed = asked === undefined ? undefined : await this.budget.within(asked, () => undefined);
    return [
      ...(checks.includes("html") ? findingFacts("html", reading.html) : []),
      ...findingFacts("phrases", listed?.phrases ?? []),
      ...findingFacts("urls", listed?.urls ?? []),
      ...(checks.includes("mime") ? findingFacts("mime", reading.mime) : []),
    ];
  }

  private async rules(
    { path, score, tenantId }: MissingFacts,
    facts: Facts,
    { policy, spent }: { readonly policy: CompiledPolicy; readonly spent: SpentOnRules },
  ): Promise<RulesFact> {
    const scopes = scopeRules(policy, path ?? {});
    if (scopes.length === 0) return noRules;
    this.headers ??= ruleHeaders(this.message.bytes);
    const message = {
      headers: this.headers,
      sizeBytes: this.message.bytes.length,
      ...spent,
      text: async (): Promise<MessageText | undefined> => {
        const reading = await this.readInTime();
        return typeof reading === "string" ? undefined : reading.text;
      },
    };
    return runMessageRules(this.services, message, { facts, scopes, score, tenantId: path?.tenantId ?? tenantId });
  }

  private readInTime(): Promise<Reading> {
    return this.budget.within(this.read(), () => "busy" as const);
  }

  private read(): Promise<Reading> {
    this.reading ??= this.attempt("reading", () => this.services.reader.read(this.message.bytes)).then(
      (reading) => reading ?? "busy",
    );
    return this.reading;
  }

  /** A fault of one of our own parts is logged, and leaves the message without that part's word. */
  private async attempt<T>(part: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.services.log.error(
        { err: error, part, transaction: this.message.transactionId },
        "content was not looked at",
      );
      return undefined;
    }
  }
}

type PatchedNeed = "authentication" | "scan" | "classify" | "findings";
/** What was read; or why nothing was: the message's own cost, or ours. */
type Reading = ContentReading | "too-costly" | "busy";
type SpentOnRules = Pick<RuleMessage, "answers" | "open" | "budget">;

function nothingSpent(): SpentOnRules {
  return { answers: new Map(), open: new Set(), budget: new RuleBudget() };
}

function failedAuthentication(facts: Facts): AuthenticationFact {
  const address = facts.sender?.address ?? "";
  const domain = address === "" ? (facts.helo ?? "") : address.slice(address.lastIndexOf("@") + 1);
  const identity = address === "" ? "helo" : "mailfrom";
  return {
    spf: facts.spf ?? { result: "temperror", identity, domain },
    dkim: [],
    dmarc: { result: "temperror", domain: "" },
    arc: { result: "temperror", sealers: [] },
  };
}

function findingFacts(
  check: ContentFindingFact["check"],
  findings: readonly { readonly name: string; readonly score: number; readonly detail: string }[],
): readonly ContentFindingFact[] {
  return findings.map(({ name, score, detail }) => ({ check, name, score, detail }));
}

function memo<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
