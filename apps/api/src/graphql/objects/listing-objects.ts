import { idFromUuid } from "@mailfold/ids";
import type { ListingChangeRow, PardonRow } from "@mailfold/projection-listings";
import { listingAt } from "@mailfold/reputation";
import { patternOf } from "../../operations/listing-subject.ts";
import { type BlockedMail, type EvidenceRecord, readBlocked, readEvidence } from "../../records/listing-evidence.ts";
import { createListings, isInForce, type ListingRecord } from "../../records/listings.ts";
import { createVerdicts } from "../../records/verdicts.ts";
import type { ApiContext } from "../api-context.ts";
import { badRequest } from "../api-error.ts";
import { builder } from "../builder.ts";
import { pageSize, toConnection } from "../connection.ts";
import { connectionOf, spendRows } from "../connection-field.ts";
import { mailboxRef, visible } from "./directory-objects.ts";
import { scopeRef, senderEntryRef } from "./policy-objects.ts";
import { verdictRef } from "./verdict-objects.ts";

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** An event's id as the API shows it. */
const eventId = (id: string) => (isUuid.test(id) ? idFromUuid("event", id) : id);

const subjectKind = builder.enumType("ListingSubjectKind", {
  values: {
    IP: { value: "ip", description: "An IPv4 address, or an IPv6 /64." },
    PREFIX: { value: "prefix", description: "An IPv4 /24 or IPv6 /56." },
    DOMAIN: { value: "domain", description: "A From domain that DMARC proves." },
    SENDER: { value: "sender", description: "A From address in such a domain." },
  },
} as const);

const subjectRef = builder.objectRef<NonNullable<ListingRecord["subject"]>>("ListingSubject").implement({
  description: "Who is listed.",
  fields: (t) => ({
    kind: t.expose("kind", { type: subjectKind }),
    value: t.exposeString("value"),
    pattern: t.string({
      description: "As accept and kill lists, senderPardon and the command line write it.",
      resolve: patternOf,
    }),
  }),
});

const listingAction = builder.enumType("ListingAction", {
  values: { DEFER: { value: "defer" }, REJECT: { value: "reject" } },
} as const);

const listingState = builder.enumType("ListingState", {
  values: { IN_FORCE: { value: "inForce" }, ENDED: { value: "ended" } },
} as const);

const evidenceKind = builder.enumType("EvidenceKind", {
  values: {
    USER_SPAM: { value: "userSpam" },
    USER_NOT_SPAM: { value: "userNotSpam" },
    CONTENT_SPAM: { value: "contentSpam", description: "Filters thought it spam." },
    TRAP: { value: "trap", description: "It was sent to a spam trap." },
    UNKNOWN_RECIPIENT: { value: "unknownRecipient" },
    READ: { value: "read" },
    REPLIED: { value: "replied" },
  },
} as const);

const shareRef = builder.objectRef<ListingRecord["share"]>("SpamShare").implement({
  description: "The share of spam in the sender's mail, as it stood; counts fade as points do.",
  fields: (t) => ({
    lowerBound: t.exposeFloat("lowerBound", { description: "Of Wilson's 95 % interval, 0 to 1." }),
    mail: t.exposeFloat("mail"),
    spam: t.exposeFloat("spam"),
  }),
});

const changeRef = builder.objectRef<ListingChangeRow & { readonly isForeign: boolean }>("ListingChange").implement({
  description: "One event of a listing.",
  fields: (t) => ({
    change: t.string({ description: "`new`, `raised`, `renewed` or `delisted`.", resolve: ({ change }) => change }),
    at: t.expose("at", { type: "DateTime" }),
    action: t.expose("action", { type: listingAction, nullable: true }),
    score: t.float({ nullable: true, resolve: ({ score, isForeign }) => (isForeign ? null : score) }),
    event: t.id({ resolve: (change) => eventId(change.eventId) }),
  }),
});

const evidenceRef = builder.objectRef<EvidenceRecord>("ListingEvidence").implement({
  description: "An event that speaks for or against a sender.",
  fields: (t) => ({
    event: t.id({ description: "What senderPardon's voidEvidence names.", resolve: (one) => eventId(one.eventId) }),
    kind: t.field({
      type: evidenceKind,
      nullable: true,
      description: "Null once the event has expired.",
      resolve: ({ kind }) => kind ?? null,
    }),
    at: t.field({ type: "DateTime", nullable: true, resolve: ({ at }) => at ?? null }),
    reporter: t.field({
      type: mailboxRef,
      nullable: true,
      description: "Who marked, read or answered the mail.",
      resolve: ({ mailboxId }, _args, context) =>
        mailboxId === undefined ? null : (visible(context).mailbox(mailboxId) ?? null),
    }),
    verdict: t.field({
      type: verdictRef,
      nullable: true,
      description: "Of the mail it is about; of the first one, where it is about several.",
      resolve: ({ verdictId }, _args, context) => (verdictId === undefined ? null : findVerdict(context, verdictId)),
    }),
    tenantId: t.id({ nullable: true, resolve: ({ tenantId }) => tenantId ?? null }),
    count: t.int({ description: "How many mails it is about.", resolve: ({ count }) => count ?? 1 }),
  }),
});

function findVerdict({ api, caller }: ApiContext, verdictId: string) {
  return createVerdicts(api.deps.rows, api.deps.journal.events, caller).find(verdictId) ?? null;
}

/** Evidence is read whole: up to 100 rows by their keys, which cost less than those of a list. */
const rowsOfEvidence = { first: 50 };
const evidenceConnection = connectionOf("ListingEvidence", evidenceRef);

function evidenceOf(listing: ListingRecord, context: ApiContext) {
  const known = read.get(listing);
  if (known !== undefined) return known;
  spendRows(context, rowsOfEvidence);
  const evidence = readEvidence(context.api.deps.rows, context.caller, listing);
  read.set(listing, evidence);
  return evidence;
}

/** Read once for each listing that is shown: several fields ask. */
const read = new WeakMap<ListingRecord, ReturnType<typeof readEvidence>>();

const blockedRef = builder.objectRef<BlockedMail>("BlockedMail").implement({
  description:
    "What a listing stopped, of the reader's subtree. Mail of a flood, counted instead of told, is not in it.",
  fields: (t) => ({
    count: t.exposeInt("count", { description: "At least so many when `isMore`." }),
    isMore: t.exposeBoolean("isMore"),
    verdicts: t.field({
      type: [verdictRef],
      description: "The newest, at most 100.",
      args: { first: t.arg.int({ defaultValue: 20 }) },
      resolve: ({ verdictIds }, args, context) => {
        spendRows(context, args);
        return verdictIds.slice(0, pageSize(args)).flatMap((id) => findVerdict(context, id) ?? []);
      },
    }),
  }),
});

/** A pardon of a sender. */
export const senderPardonRef = builder.objectRef<PardonRow>("SenderPardon");
builder.node(senderPardonRef, {
  description: "A sender is forgiven: until then nothing is learned of it in this scope, and named evidence is void.",
  id: { resolve: (pardon) => pardon.pardonId },
  isTypeOf: (value) => typeof value === "object" && value !== null && "pardonId" in value,
  fields: (t) => ({
    scope: t.field({ type: scopeRef, resolve: ({ scope }) => scope }),
    subject: t.field({ type: subjectRef, nullable: true, resolve: ({ subject }) => subject }),
    grantedAt: t.field({ type: "DateTime", resolve: ({ at }) => at }),
    grantedBy: t.string({ description: "Token id.", resolve: ({ grantedBy }) => grantedBy }),
    until: t.expose("until", { type: "DateTime" }),
    isInForce: t.boolean({
      description: "Neither over, nor lifted, nor replaced by another one.",
      resolve: ({ current, until }, _args, { api }) => current && until > api.deps.clock.now(),
    }),
    voided: t.field({
      type: ["ID"],
      description: "Events that count no longer; they count again once the pardon is lifted.",
      resolve: ({ voided }) => voided.map(eventId),
    }),
    reason: t.exposeString("reason", { nullable: true }),
    liftedAt: t.field({ type: "DateTime", nullable: true, resolve: ({ lifted }) => lifted?.at ?? null }),
    liftedBy: t.string({ nullable: true, resolve: ({ lifted }) => lifted?.by ?? null }),
  }),
});

/** Of the platform's list a tenant learns what concerns it, and no points. */
const own = <T>(listing: ListingRecord, value: T): T | null => (listing.isForeign ? null : value);
const foreignNull = "Null for the platform's listings, unless with a platform token.";

const listingRef = builder.objectRef<ListingRecord>("Listing").implement({
  description: "A sender on a learned blacklist: docs/explanation/learned-blacklists.md.",
  fields: (t) => ({
    listingId: t.exposeID("listingId"),
    scope: t.field({ type: scopeRef, resolve: ({ scope }) => scope }),
    subject: t.field({ type: subjectRef, nullable: true, resolve: ({ subject }) => subject }),
    action: t.expose("action", { type: listingAction }),
    state: t.field({
      type: listingState,
      resolve: (listing, _args, { api }) => (isInForce(listing, api.deps.clock.now()) ? "inForce" : "ended"),
    }),
    score: t.float({
      nullable: true,
      description: `Points when it was told of last; they fade since: scoreAt. ${foreignNull}`,
      resolve: (listing) => own(listing, listing.score),
    }),
    scoreAt: t.float({
      nullable: true,
      description: `Points at a later time, if nothing else came. ${foreignNull}`,
      args: { time: t.arg({ type: "DateTime", required: true }) },
      resolve: (listing, { time }) => own(listing, scoreAt(listing, time)),
    }),
    threshold: t.float({
      nullable: true,
      description: `Points that listed it; it ends below half of them. ${foreignNull}`,
      resolve: (listing) => own(listing, listing.threshold),
    }),
    share: t.field({
      type: shareRef,
      nullable: true,
      description: foreignNull,
      resolve: (listing) => own(listing, listing.share),
    }),
    listedAt: t.expose("listedAt", { type: "DateTime" }),
    expiresAt: t.expose("expiresAt", { type: "DateTime", description: "When it ends if nothing else comes." }),
    endedAt: t.field({
      type: "DateTime",
      nullable: true,
      resolve: (listing, _args, { api }) => endOf(listing, api.deps.clock.now())?.at ?? null,
    }),
    endedBy: t.string({
      nullable: true,
      description: "`decayed`, `evidence` in the sender's favour, `pardoned`, or `voided` evidence.",
      resolve: (listing, _args, { api }) => endOf(listing, api.deps.clock.now())?.cause ?? null,
    }),
    changes: t.field({
      type: [changeRef],
      description: "How it came to be what it is, newest first.",
      resolve: (listing, _args, context) => {
        spendRows(context, { first: 50 });
        const { isForeign } = listing;
        const changes = createListings(context.api.deps.rows, context.caller).changes(listing);
        return changes.slice(0, 100).map((change) => ({ ...change, isForeign }));
      },
    }),
    evidence: t.field({
      type: evidenceConnection,
      description: "Of the reader's subtree, newest first.",
      args: { first: t.arg.int(), after: t.arg.string() },
      resolve: (listing, args, context) => {
        const { items } = evidenceOf(listing, context);
        return toConnection(pageOf(items, args), args, (one) => eventId(one.eventId));
      },
    }),
    evidenceTotal: t.exposeInt("evidenceTotal", { description: "All that counts, named or not, whosever it is." }),
    evidenceElsewhere: t.int({
      description: "How much of it lies outside the reader's subtree.",
      resolve: (listing, _args, context) => (listing.isForeign ? evidenceOf(listing, context).elsewhere : 0),
    }),
    blocked: t.field({
      type: blockedRef,
      resolve: (listing, _args, context) => {
        spendRows(context, rowsOfEvidence);
        return readBlocked(context.api.deps.rows, context.caller, listing);
      },
    }),
    pardons: t.field({
      type: [senderPardonRef],
      description: "Of this sender on this list, newest first.",
      resolve: (listing, _args, context) => {
        spendRows(context, { first: 20 });
        return [...createListings(context.api.deps.rows, context.caller).pardons(listing)];
      },
    }),
  }),
});

function scoreAt(listing: ListingRecord, at: number): number {
  return listingAt(listing, Math.max(at, listing.at)).score;
}

function endOf(listing: ListingRecord, now: number): ListingRecord["ended"] {
  if (listing.ended !== undefined) return listing.ended;
  return listing.expiresAt <= now ? { at: listing.expiresAt, cause: "decayed" } : undefined;
}

function pageOf(
  items: readonly EvidenceRecord[],
  args: { first?: number | null | undefined; after?: string | null | undefined },
) {
  const { after } = args;
  if (after === null || after === undefined) return items.slice(0, pageSize(args) + 1);
  const at = items.findIndex((one) => eventId(one.eventId) === after);
  if (at < 0) throw badRequest("POSITION_INVALID", "after is not a cursor of this evidence.");
  return items.slice(at + 1, at + 2 + pageSize(args));
}

builder.objectField(senderEntryRef, "listing", (t) =>
  t.field({
    type: listingRef,
    nullable: true,
    description: "Of learned entries: what was learned.",
    resolve: ({ listing }) => listing ?? null,
  }),
);
