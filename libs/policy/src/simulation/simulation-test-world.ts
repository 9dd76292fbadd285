import type { ListingScope, ListingSubject, Scope } from "@mailfold/domain";
import type { ListingId, MailboxId, VerdictId } from "@mailfold/kernel";
import fc from "fast-check";
import { compilePolicy } from "../compiled-policy.ts";
import type { ScanFact } from "../content-facts.ts";
import type { ListingInput } from "../learned-lists.ts";
import { inputs, strangers } from "../open-relay-test-world.ts";
import {
  authenticationOf,
  contentOf,
  domainA,
  domainScopeA,
  factsOf,
  foreignRecipient,
  judgeOn,
  type Lookups,
  localRecipient,
  loginOf,
  mailboxScopeA,
  platformScope,
  reseller,
  resellerScope,
  scopeA,
  scopeB,
  setting,
  tenantA,
  tenantB,
} from "../policy-test-world.ts";
import type { CompiledPolicy, Facts, ScopePath } from "../types.ts";
import type { ChangePlace } from "../what-if/apply-changes.ts";
import { type FactSegment, type RecordedVerdict, SegmentBuilder } from "./fact-segment.ts";

const pathA: ScopePath = { resellerId: reseller, tenantId: tenantA };
const domainPath: ScopePath = { ...pathA, domainId: domainA.domainId };

/** A place for changes, with the scopes above it. */
export const places: readonly ChangePlace[] = [
  { scope: platformScope, path: {} },
  { scope: resellerScope, path: { resellerId: reseller } },
  { scope: scopeA, path: pathA },
  { scope: scopeB, path: { resellerId: reseller, tenantId: tenantB } },
  { scope: domainScopeA, path: domainPath },
  { scope: mailboxScopeA, path: { ...domainPath, mailboxId: "mbx_a" as MailboxId } },
];

/** What learned lists may name. */
export const subjects: readonly ListingSubject[] = [
  { kind: "ip", value: "192.0.2.7" },
  { kind: "prefix", value: "192.0.2.0/24" },
  { kind: "domain", value: "ext.example" },
  { kind: "sender", value: "joe@ext.example" },
];
export const listings: fc.Arbitrary<ListingInput> = fc
  .record({
    scope: fc.constantFrom<ListingScope>({ kind: "platform" }, { kind: "tenant", id: tenantA }),
    subject: fc.constantFrom(...subjects),
    action: fc.constantFrom<"defer" | "reject">("defer", "reject"),
    expiresAt: fc.constantFrom(500, 5_000),
  })
  .map((each) => ({ ...each, listingId: "lst_01jd7q00000000000000000012" as ListingId, byEvent: "listed" }));

/** Settings that content is judged by, beside those of the open-relay search. */
export const contentSettings = fc
  .tuple(
    fc.constantFrom<Scope>(platformScope, scopeA, domainScopeA, mailboxScopeA),
    fc.constantFrom(
      ["spamThresholds", { junk: 2, quarantine: 4, reject: 6 }] as const,
      ["spamThresholds", { junk: 3.5 }] as const,
      ["junkAction", "quarantine"] as const,
      ["junkAction", "discard"] as const,
      ["sizeLimitBytes", 3_000] as const,
      ["maxRecipientsPerMessage", 2] as const,
      ["contentChecks", ["html"]] as const,
      ["virusAction", "quarantine"] as const,
      ["spamScanner", false] as const,
      ["scannerFailure", "defer"] as const,
      ["trustedSealers", ["list.example"]] as const,
      ["recipientsPerHour", 3] as const,
      ["senderMustMatchLogin", false] as const,
      ["requireFromOrReplyTo", "always"] as const,
      ["learning.use", false] as const,
      ["dnsbl", [{ zone: "bl.test", weight: 2 }]] as const,
      ["dmarc", "honour"] as const,
      ["spamThresholds", { junk: 1 }] as const,
    ),
  )
  .map(([scope, [name, value]]) => setting(scope, name, value as never));

/** Settings of what is looked up of a peer. */
export const peerSettings = fc
  .tuple(
    fc.constantFrom<Scope>(platformScope, scopeA, scopeB),
    fc.constantFrom("verifyHelo", "verifySenderDomain", "reverseDns", "spf", "dmarc"),
    fc.constantFrom("off", "score", "reject"),
  )
  .map(([scope, name, value]) => setting(scope, name, name === "dmarc" && value === "reject" ? "honour" : value));

/** A policy with all that decides. */
export const policies: fc.Arbitrary<CompiledPolicy> = fc
  .tuple(inputs, fc.array(contentSettings, { maxLength: 4 }), fc.array(listings, { maxLength: 2 }))
  .map(([{ entries, settings }, more, listed]) =>
    compilePolicy({ settings: [...settings, ...more], entries, listings: listed }),
  );

const recipients = fc.oneof(
  { weight: 10, arbitrary: fc.constant(localRecipient()) },
  {
    weight: 5,
    arbitrary: fc.constantFrom<NonNullable<Facts["recipient"]>>(
      localRecipient({ overQuota: true }),
      { ...localRecipient(), address: "info@a.example", acceptedBefore: 3 },
      { address: "ghost@a.example", form: "plain", acceptedBefore: 0, found: { kind: "unknown", domain: domainA } },
      foreignRecipient,
      { ...foreignRecipient, address: "other@elsewhere.example" },
    ),
  },
);
/** Mostly the plain value, now and then one that is out of the way. */
function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}
function mostlyFirst<T>(values: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant(values[0] as T) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  );
}
export const contents = fc
  .record({
    from: fc.constantFrom(["joe@ext.example"], ["ann@ext.example"], ["nobody"], [], ["joe@a.example"]),
    fromCount: mostly(1, 0, 2),
    received: mostly(1, 2, 101),
    deliveredTo: mostly<readonly string[]>([], ["joe@a.example"], ["other@elsewhere.example"]),
    sizeBytes: mostly(2_000, 3_000, 3_001, 60_000_000),
  })
  .map(({ from, ...more }) => ({ ...contentOf(from[0] ?? ""), ...more, from }));

/** What may be found out of a mail: the values of each thing. */
const foundValues = {
  host: [{ status: "none" }, { status: "failed" }, { status: "confirmed", name: "mail.ext.example" }],
  spf: ["none", "pass", "fail", "softfail", "temperror"],
  heloName: ["found", "missing", "literal", "failed"],
  senderDomain: ["found", "missing", "nullMx", "failed"],
  dnsLists: [{}, { "bl.test": "listed" }, { "wl.test": "listed" }],
  greylist: ["known", "new"],
  dmarc: ["none", "pass", "fail"],
  proven: ["ext.example", "other.example"],
  policy: ["none", "quarantine", "reject"],
  sealer: ["", "list.example", "other.example"],
  score: [-1, 0, 0.5, 1, 1.99, 2, 3, 3.5, 4, 5, 6, 7.25],
  scanner: ["scanned", "down", "none"],
  virus: ["clean", "infected"],
  classifier: ["unsure", "spam", "ham", "untrained"],
  probability: [0.3, 0.8, 0.81, 0.9],
  finding: [0, 0.5, 2],
  counters: [{}, { mailboxRecipients: 3, tenantRecipients: 3 }],
  tenantsOff: [[], [tenantA], [tenantB]],
} as const;
type RawFound = { readonly [Name in keyof typeof foundValues]: (typeof foundValues)[Name][number] };
const foundNames = Object.keys(foundValues) as (keyof RawFound)[];

/** Mostly the first value of each. */
export const rawFound: fc.Arbitrary<RawFound> = fc.record(
  Object.fromEntries(foundNames.map((name) => [name, mostlyFirst(foundValues[name])])),
) as unknown as fc.Arbitrary<RawFound>;

/** A finding with every combination of the values of some things. */
function combined(raw: RawFound, ...names: readonly (keyof RawFound)[]): readonly RawFound[] {
  return names.reduce<readonly RawFound[]>(
    (all, name) => all.flatMap((each) => foundValues[name].map((value) => ({ ...each, [name]: value }))),
    [raw],
  );
}

/** A finding, all that differ from it in one thing, and in what is judged together. */
export function variantsOf(raw: RawFound): readonly RawFound[] {
  return [
    raw,
    ...foundNames.flatMap((name) => combined(raw, name)),
    ...combined(raw, "dmarc", "policy", "sealer"),
    ...combined(raw, "dmarc", "proven"),
    ...combined(raw, "classifier", "probability"),
  ];
}

function rspamdOf({ scanner, score }: RawFound): ScanFact {
  if (scanner === "none") return {};
  if (scanner === "down") return { rspamd: { status: "down", cause: "timeout" } };
  return { rspamd: { status: "scanned", score, action: "no action", symbols: [`S${score}`] } };
}

export function lookupsOf(raw: RawFound): Lookups {
  const { dmarc, finding, policy, probability, proven, sealer, spf, virus } = raw;
  const { counters, dnsLists, greylist, heloName, host, senderDomain, tenantsOff } = raw;
  return {
    ...{ counters, dnsLists, greylist, heloName, senderDomain, spf },
    ...{ host, tenantsOff },
    authentication: authenticationOf({
      spf: { result: spf, identity: "mailfrom", domain: "ext.example" },
      dmarc: { result: dmarc, domain: proven, policy },
      ...(sealer === "" ? {} : { arc: { result: "pass", sealers: [sealer], claimedDmarc: "pass" } }),
    }),
    scan: {
      ...rspamdOf(raw),
      clamav: virus === "infected" ? { status: "infected", signature: "Eicar" } : { status: "clean" },
    },
    classifier: { verdict: raw.classifier, probability, tokens: ["a", "b"] },
    findings: finding === 0 ? [] : [{ check: "html", name: "hidden", score: finding, detail: `${finding}` }],
  };
}
const found = rawFound.map(lookupsOf);

/** Mail of strangers and of logins, to recipients here and elsewhere. */
const mails: fc.Arbitrary<Facts> = fc
  .record({
    stranger: strangers,
    recipient: recipients,
    content: contents,
    login: mostly<Facts["login"]>(undefined, loginOf(tenantA), loginOf(tenantA), loginOf(tenantB)),
    size: mostly<number | undefined>(undefined, 2_500, 70_000_000),
    at: fc.constantFrom(100, 500, 1_000, 4_999, 5_000, 9_000),
  })
  .map(({ at, content, login, recipient, size, stranger }) => {
    const { content: _old, origin, sender, ...envelope } = stranger;
    const own = login !== undefined && at !== 500 ? login.address : undefined;
    const address = own ?? sender?.address ?? "";
    return {
      ...factsOf({ ...envelope, from: address }),
      at,
      sender: { address, form: "plain", ...(size === undefined ? {} : { declaredSizeBytes: size }) },
      recipient,
      content,
      ...(login === undefined ? {} : { login }),
      listener: login === undefined ? ("mx" as const) : ("submission" as const),
      ...(origin === undefined ? {} : { origin }),
    };
  });

/** One mail's verdict as a session records it: at RCPT when refused there, else after DATA. */
export function recordedOf(policy: CompiledPolicy, facts: Facts, seen: Lookups, index: number): RecordedVerdict {
  const { content, origin, ...envelope } = facts;
  const atRcpt = judgeOn(policy, "rcpt", envelope, seen);
  const isOver = atRcpt.verdict.action === "reject" || atRcpt.verdict.action === "defer";
  const more = { ...(content ? { content } : {}), ...(origin === undefined ? {} : { origin }) };
  const last = isOver ? atRcpt : judgeOn(policy, "data", { ...atRcpt.facts, ...more }, seen);
  const { action, phase, reason, resellerId, tenantId } = last.verdict;
  return {
    verdictId: `vrd_${String(index).padStart(26, "0")}` as VerdictId,
    action,
    phase,
    reason,
    facts: last.facts,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(resellerId === undefined ? {} : { resellerId }),
  };
}

/** Traffic recorded under a policy. */
export function traffic(policy: CompiledPolicy, maxLength: number): fc.Arbitrary<readonly RecordedVerdict[]> {
  return fc
    .array(fc.tuple(mails, found), { minLength: maxLength / 2, maxLength, size: "max" })
    .map((all) => all.map(([facts, seen], index) => recordedOf(policy, facts, seen, index)));
}

/** Segments of so many rows each. */
export function segmentsOf(verdicts: readonly RecordedVerdict[], rows: number): readonly FactSegment[] {
  const segments: FactSegment[] = [];
  for (let from = 0; from < verdicts.length; from += rows) {
    const builder = new SegmentBuilder();
    for (const verdict of verdicts.slice(from, from + rows)) builder.add(verdict);
    segments.push(builder.seal());
  }
  return segments;
}
