import assert from "node:assert/strict";
import type { ListingEvent } from "@mailfold/domain";
import { type EventStore, openMemoryEventStore } from "@mailfold/event-store";
import {
  createEventCodec,
  type FlagsChanged,
  type MessageMarked,
  streams,
  type VerdictRecorded,
} from "@mailfold/events";
import { uuidV5 } from "@mailfold/ids";
import type { MailboxId, NewEvent, RecordedEvent, ResellerId, Sealer, TenantId } from "@mailfold/kernel";
import { type LearnerReport, startLearner } from "./follow-log.ts";
import { createListingRecorder, type ListingRecorder } from "./listing-recorder.ts";

export const dayMs = 86_400_000;
/** All stories begin here. */
export const startAt = Date.UTC(2026, 0, 1);
const space = "7f6f7a52-55f3-5d0b-8f0f-51a3f6a0c9d1";
/** An id that is the same in every run. */
export const idOf = (name: string): string => uuidV5(space, name);

/** Seals nothing: for tests. */
export const openSealer: Sealer = {
  seal: (_scope, text) => ({ keyId: "k", nonce: "n", ciphertext: Buffer.from(text).toString("base64") }),
  open: ({ ciphertext }) => Buffer.from(ciphertext, "base64").toString("utf8"),
  blindIndex: (purpose, value) => Buffer.from(`${purpose}:${value}`).toString("hex"),
};
export const testCodec = createEventCodec(openSealer);

/** A tenant of these stories. */
export interface ToldTenant {
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
  readonly createdAt: number;
  readonly mailboxes: number;
}
/** A tenant by number. */
export function tenantNo(index: number, more: Partial<ToldTenant> = {}): ToldTenant {
  return {
    tenantId: `ten_${index}` as TenantId,
    resellerId: `rsl_${Math.floor(index / 3)}` as ResellerId,
    createdAt: startAt - 365 * dayMs,
    mailboxes: 5,
    ...more,
  };
}
const mailboxNo = ({ tenantId }: ToldTenant, index: number): MailboxId =>
  `mbx_${tenantId.slice(4)}x${index}` as MailboxId;

/** An event and the stream it goes to. */
export interface ToldEvent {
  readonly stream: string;
  readonly event: NewEvent;
}
const ownedBy = ({ tenantId, resellerId }: ToldTenant) => ({
  tenantId,
  resellerId,
  actor: { type: "system", id: "test" } as const,
});

/** The events that make a tenant and its mailboxes. */
export function tenantEvents(tenant: ToldTenant): readonly ToldEvent[] {
  const { tenantId, resellerId, createdAt: occurredAt } = tenant;
  const metadata = ownedBy(tenant);
  const created = { tenantId, resellerId, name: tenantId };
  const sealed = { keyId: "k", nonce: "n", ciphertext: "c" };
  return [
    {
      stream: streams.tenant(tenantId),
      event: { id: idOf(tenantId), type: "TenantCreated", data: created, metadata, occurredAt },
    },
    ...Array.from({ length: tenant.mailboxes }, (_, index): ToldEvent => {
      const mailboxId = mailboxNo(tenant, index);
      const data = {
        mailboxId,
        tenantId,
        domainId: "dom_1",
        address: `m${index}@${tenantId.slice(4)}.example`,
        displayName: "",
        quotaBytes: 1,
        verifier: sealed,
      };
      return {
        stream: streams.mailbox(mailboxId),
        event: { id: idOf(mailboxId), type: "MailboxCreated", data, metadata, occurredAt },
      };
    }),
  ];
}

/** What a verdict of these stories says. */
export interface ToldVerdict {
  readonly key: string;
  readonly tenant: ToldTenant;
  readonly at: number;
  readonly ip: string;
  readonly reason: string;
  readonly action?: VerdictRecorded["data"]["action"];
  /** The From domain, and DMARC passes. */
  readonly domain?: string | undefined;
  readonly author?: string;
  readonly login?: boolean;
  readonly originIp?: string | null;
  readonly byLists?: boolean;
}
const verdictIdOf = (key: string) => `vrd_${Buffer.from(key).toString("hex").padStart(26, "0")}` as never;

/** A verdict as the SMTP edge records it. */
export function verdictTold(told: ToldVerdict): ToldEvent {
  const { tenant, at, ip, reason, action = "accept", domain, author = `news@${domain}`, login, originIp } = told;
  const { tenantId, resellerId } = tenant;
  const isUnknown = reason.startsWith("recipient-");
  const found = isUnknown
    ? { kind: "unknown", domain: { tenantId, resellerId } }
    : { kind: "local", domain: { tenantId, resellerId }, targets: [{ mailboxId: mailboxNo(tenant, 0) }] };
  const dmarc = { result: domain === undefined ? "none" : "pass", domain: domain ?? "" };
  const facts = {
    at,
    listener: "mx",
    ip,
    tls: true,
    recipient: { address: "m0@x.example", form: "plain", found, acceptedBefore: 0 },
    ...(login ? { login: { tenantId } } : {}),
    ...(originIp === undefined ? {} : { origin: originIp === null ? null : { ip: originIp } }),
    ...(isUnknown ? {} : { content: { from: [author], fromCount: 1, authentication: { dmarc } } }),
  };
  const data: VerdictRecorded["data"] = {
    verdictId: verdictIdOf(told.key),
    transactionId: "msg_1" as never,
    action,
    code: action === "reject" ? 550 : 250,
    enhancedCode: "2.0.0",
    text: "OK",
    reason,
    phase: isUnknown ? "rcpt" : "data",
    scope: tenantId,
    engineVersion: 4,
    decisiveLine: { step: "test" },
    ...(told.byLists ? { byLists: true } : {}),
    facts,
  };
  const event = {
    id: idOf(`verdict ${told.key}`),
    type: "VerdictRecorded",
    data,
    metadata: ownedBy(tenant),
    occurredAt: at,
  };
  return { stream: streams.verdict(tenantId, at), event };
}

/** A user's mark on the mail that a verdict took. */
export function markTold(told: {
  readonly key: string;
  readonly tenant: ToldTenant;
  readonly at: number;
  readonly reader: number;
  readonly mark: MessageMarked["data"]["mark"];
  /** Absent: mail that a client put there. */
  readonly hasVerdict?: boolean;
}): ToldEvent {
  const { tenant, at, mark, reader } = told;
  const verdictId = verdictIdOf(told.key);
  const body = { tenantId: tenant.tenantId, sha256: "0".repeat(64), sizeBytes: 1 };
  const data: MessageMarked["data"] = {
    mailboxId: mailboxNo(tenant, reader),
    messageKey: verdictId,
    body,
    ...(told.hasVerdict === false ? {} : { verdictId }),
    mark,
    by: "move",
  };
  const id = idOf(`mark ${told.key} ${reader} ${mark} ${at}`);
  const event = { id, type: "MessageMarked", data, metadata: ownedBy(tenant), occurredAt: at };
  return { stream: streams.mark(tenant.tenantId, at), event };
}

/** A user's reading, or answering, of the mail that a verdict took. */
export function readingTold(told: {
  readonly key: string;
  readonly tenant: ToldTenant;
  readonly at: number;
  readonly reader: number;
  readonly answers?: boolean;
}): ToldEvent {
  const { answers = false, at, key, reader, tenant } = told;
  const mailboxId = mailboxNo(tenant, reader);
  const data: FlagsChanged["data"] = {
    folderId: "fld_1" as never,
    uids: "1",
    operation: "add",
    flags: [answers ? "\\Answered" : "\\Seen"],
    firstRead: [verdictIdOf(key)],
  };
  const id = idOf(`read ${key} ${reader} ${answers} ${at}`);
  const event = { id, type: "FlagsChanged", data, metadata: ownedBy(tenant), occurredAt: at };
  return { stream: streams.mail(mailboxId), event };
}

/** Appends events in order. */
export async function tell(events: Pick<EventStore, "append">, told: readonly ToldEvent[]): Promise<void> {
  for (const { stream, event } of told) {
    const result = await events.append({ stream, expected: "any", events: [event] });
    assert.ok(result.ok);
  }
}

/** Listing events of a log, in order. */
export async function listingsOf(events: Pick<EventStore, "readAll">): Promise<RecordedEvent<ListingEvent>[]> {
  const found: RecordedEvent<ListingEvent>[] = [];
  for await (const event of events.readAll({ filter: { streamPrefixes: ["listing-"] } })) {
    found.push(event as RecordedEvent<ListingEvent>);
  }
  return found;
}

/** One line for each listing event. */
export const linesOf = (listings: readonly RecordedEvent<ListingEvent>[]): readonly string[] =>
  listings.map(({ data, type }) => {
    const { scope, subject } = data;
    const what = "change" in data ? `${data.change} ${data.action}` : data.cause;
    return `${scope.kind === "platform" ? "platform" : scope.id} ${type} ${subject.kind} ${subject.value} ${what}`;
  });

/** A log in memory whose time is what the story says. */
export class ReputationWorld {
  readonly events: EventStore;
  readonly warnings: string[] = [];
  now = startAt;
  report: LearnerReport | undefined;
  readonly evidence = new Map<string, number>();

  constructor(events: EventStore) {
    this.events = events;
  }

  static async open(): Promise<ReputationWorld> {
    const clock = { now: () => startAt };
    return new ReputationWorld(await openMemoryEventStore({ codec: testCodec, clock }));
  }

  recorder(): ListingRecorder {
    return createListingRecorder({ events: this.events, sealer: openSealer, clock: { now: () => this.now } });
  }

  /** Runs a learner until it has worked off the log, and a little longer: what it records it may have to learn, too. */
  async learn(path: string, options: { readonly recorder?: ListingRecorder } = {}): Promise<void> {
    const learner = startLearner({
      log: this.events,
      recorder: options.recorder ?? this.recorder(),
      clock: { now: () => this.now },
      path,
      report: (report) => {
        this.report = report;
        for (const [kind, count] of report.evidence) this.evidence.set(kind, (this.evidence.get(kind) ?? 0) + count);
      },
      warn: (text, error) => this.warnings.push(`${text}${error === undefined ? "" : `: ${String(error)}`}`),
      tickEveryMs: 1,
      retryMs: 1,
    });
    const deadline = Date.now() + 10_000;
    for (let idle = 0; idle < 3; ) {
      assert.ok(Date.now() < deadline, `the learner is not done: ${this.warnings.join("; ")}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      idle = this.report?.lagSeconds === 0 && this.report.learnedUntil === this.now ? idle + 1 : 0;
      this.report = undefined;
    }
    await learner.close();
  }
}
