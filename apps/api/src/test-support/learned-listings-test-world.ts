import { randomUUID } from "node:crypto";
import type { ListingScope, ListingSubject, SenderDelisted, SenderListed } from "@mailfold/domain";
import { type MessageMarked, streams, type VerdictRecorded } from "@mailfold/events";
import { idFromUuid, newId } from "@mailfold/ids";
import type { ListingId, VerdictId } from "@mailfold/kernel";
import { createOperations } from "../operations/create-operations.ts";
import { type ApiWorld, platformCaller } from "./api-test-world.ts";
import { type HeldMail, holdMail } from "./held-mail-test-world.ts";
import type { TenantObjects } from "./resellers-test-world.ts";

/** Whose mail it is: any tenant's objects. */
export type MailOf = Pick<TenantObjects, "tenant" | "reseller" | "domain" | "mailbox" | "address">;

const dayMs = 86_400_000;
const share = { lowerBound: 0.61, mail: 8, spam: 8 };

/** Appends one event as its writer would; answers its UUID. */
async function append(
  world: ApiWorld,
  event: { readonly stream: string; readonly type: string; readonly data: object; readonly of?: MailOf | undefined },
): Promise<string> {
  const { stream, type, data, of } = event;
  const id = randomUUID();
  const owner = of === undefined ? {} : { tenantId: of.tenant, resellerId: of.reseller };
  const metadata = { ...owner, actor: { type: "system", id: "tests" } } as never;
  const occurredAt = world.deps.clock.now();
  await world.store.append({ stream, expected: "any", events: [{ id, type, data, metadata, occurredAt }] });
  await world.fold();
  return id;
}

/** A user marks the mail of a verdict. */
export function markMail(world: ApiWorld, of: MailOf, verdictId: string, mark: "spam" | "notSpam" = "spam") {
  const data: MessageMarked["data"] = {
    mailboxId: of.mailbox as never,
    messageKey: verdictId,
    body: { tenantId: of.tenant, sha256: "aa".repeat(32), sizeBytes: 3 },
    verdictId: verdictId as VerdictId,
    mark,
    by: "move",
  };
  const stream = streams.mark(of.tenant as never, world.deps.clock.now());
  return append(world, { stream, type: "MessageMarked", data, of });
}

export interface ListedSender {
  readonly listingId: ListingId;
  readonly eventId: string;
}

/** The learner lists a sender; `of` = whose list, the platform's when absent. */
export async function listSender(
  world: ApiWorld,
  listed: { readonly of?: MailOf; readonly subject: ListingSubject } & Partial<Omit<SenderListed["data"], "scope">>,
): Promise<ListedSender> {
  const { of, subject, ...more } = listed;
  const at = world.deps.clock.now();
  const data: SenderListed["data"] = {
    listingId: newId("listing"),
    scope: scopeOf(of),
    subject,
    change: "new",
    action: "reject",
    score: 12,
    threshold: 10,
    share,
    at,
    listedAt: at,
    halfLifeMs: 7 * dayMs,
    expiresAt: at + 8 * dayMs,
    evidence: [],
    evidenceTotal: more.evidence?.length ?? 0,
    tenants: 1,
    ...more,
  };
  const eventId = await append(world, { stream: listingStream(world, of, subject), type: "SenderListed", data, of });
  return { listingId: data.listingId, eventId };
}

/** A tenant's objects, with what was learned of its mail. */
export interface LearnedObjects extends TenantObjects {
  /** A sender on the tenant's learned blacklist, the mark that put it there, and the pardon of another one. */
  readonly listing: string;
  readonly evidence: string;
  readonly pardon: string;
}

/** Has something learned of a tenant's mail. */
export async function learnOf(world: ApiWorld, objects: TenantObjects): Promise<LearnedObjects> {
  const { tenant: tenantId, domainName, verdict } = objects;
  const mark = await markMail(world, objects, verdict);
  const subject = { kind: "domain", value: `listed-by-${domainName}` } as const;
  const listing = await listSender(world, { of: objects, subject, evidence: [mark] });
  await stopMail(world, objects, { byEvent: listing.eventId, setAtScope: tenantId });
  const forgiven = { scope: { tenantId }, subject: `@forgiven-by-${domainName}` };
  const { value } = await createOperations(world.deps).senderPardon(platformCaller, forgiven);
  const pardon = value?.pardon.pardonId ?? "";
  return { ...objects, listing: listing.listingId, evidence: idFromUuid("event", mark), pardon };
}

/** The learner ends a listing. */
export function delistSender(
  world: ApiWorld,
  of: MailOf | undefined,
  delisted: Pick<SenderDelisted["data"], "listingId" | "subject"> & {
    readonly cause?: SenderDelisted["data"]["cause"];
  },
) {
  const { listingId, subject, cause = "evidence" } = delisted;
  const at = world.deps.clock.now();
  const data = { listingId, scope: scopeOf(of), subject, cause, score: 1, share, at, listedAt: at };
  return append(world, { stream: listingStream(world, of, subject), type: "SenderDelisted", data, of });
}

function scopeOf(of: MailOf | undefined): ListingScope {
  return of === undefined ? { kind: "platform" } : { kind: "tenant", id: of.tenant as never };
}

function listingStream({ deps }: ApiWorld, of: MailOf | undefined, { kind, value }: ListingSubject): string {
  return streams.listing(of?.tenant ?? "platform", deps.sealer.blindIndex("listing", `${kind}:${value}`));
}

/** The edge refuses mail because of a listing; answers the verdict. */
export async function stopMail(
  world: ApiWorld,
  of: MailOf,
  stopped: { readonly byEvent: string; readonly setAtScope: string },
): Promise<string> {
  const verdictId = newId("verdict");
  const data: VerdictRecorded["data"] = {
    verdictId,
    transactionId: newId("message"),
    action: "reject",
    code: 550,
    enhancedCode: "5.7.1",
    text: "Too much spam came from your address",
    reason: "learned-ip",
    phase: "connect",
    scope: stopped.setAtScope,
    engineVersion: 4,
    decisiveLine: { step: "learned-list", ...stopped },
    facts: { ip: "203.0.113.5", sender: { address: "eve@spam.example" }, recipient: { address: of.address } },
  };
  const stream = streams.verdict(of.tenant as never, world.deps.clock.now());
  await append(world, { stream, type: "VerdictRecorded", data, of });
  return verdictId;
}

/** The edge stops mail because of a listing and holds the copy: other recipients took theirs. */
export async function holdStopped(
  world: ApiWorld,
  of: MailOf,
  stopped: { readonly byEvent: string; readonly setAtScope: string },
): Promise<HeldMail> {
  const verdictId = (await stopMail(world, of, stopped)) as VerdictId;
  return holdMail(world, of, { verdictId, reason: "learned-ip" });
}
