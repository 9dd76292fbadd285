import { setImmediate as nextTurn } from "node:timers/promises";
import { authenticationResults, stripForeignResults } from "@mailfold/mail-auth";
import type { Facts } from "@mailfold/policy";
import type { AcceptedMessage } from "./accepted-message.ts";
import { sha256Of } from "./commit-bodies.ts";
import { MessageInspection } from "./content/message-inspection.ts";
import { relayOrigin } from "./content/relay-origin.ts";
import { createChargeForward } from "./forward/charge-forward.ts";
import { type Expanded, expandForwards } from "./forward/expand-forwards.ts";
import { type QueuedForward, queueForwards, stillRedirected } from "./forward/queue-forwards.ts";
import { type HeaderFacts, readHeaderFacts } from "./header-facts.ts";
import type { Judged } from "./judge.ts";
import type { SmtpSession } from "./session.ts";
import { type TraceSource, traceFields } from "./trace-headers.ts";
import type { Transaction } from "./transaction.ts";
import type { MessageNotes } from "./verdict-event.ts";

/** A message as it came. */
interface ReceivedMessage {
  readonly transaction: Transaction;
  /** undefined: it was over every limit, and nothing of it is kept. */
  readonly message: StoredMessage | undefined;
  readonly sizeBytes: number;
  readonly bareLineEnd: boolean;
}

interface StoredMessage {
  readonly bytes: Buffer;
  readonly sha256: string;
}

const unreadHeader: HeaderFacts = {
  from: [],
  replyTo: [],
  fromCount: 0,
  received: 0,
  receivedFields: [],
  deliveredTo: [],
  messageId: undefined,
  subject: undefined,
  hasDate: true,
  broken: false,
};

/** The data phase of one message: its recipients' verdicts, then all that goes into the commit when it is taken. */
export class MessageJudgement {
  private readonly session: SmtpSession;
  private readonly received: ReceivedMessage;
  private readonly header: HeaderFacts;
  private readonly content: NonNullable<Facts["content"]>;
  private readonly inspection: MessageInspection | undefined;

  constructor(session: SmtpSession, received: ReceivedMessage) {
    this.session = session;
    this.received = received;
    const { message, sizeBytes, bareLineEnd, transaction } = received;
    this.header = message === undefined ? unreadHeader : readHeaderFacts(message.bytes);
    const { from, replyTo, fromCount, received: hops, deliveredTo, broken } = this.header;
    this.content = { sizeBytes, bareLineEnd, from, replyTo, fromCount, received: hops, deliveredTo, broken };
    this.inspection =
      message &&
      new MessageInspection(session.services.content, {
        bytes: message.bytes,
        transactionId: transaction.id,
        recipients: [...transaction.recipients.keys()],
      });
  }

  get notes(): MessageNotes {
    const { messageId, subject } = this.header;
    return { messageIdHeader: messageId, subject, sizeBytes: this.received.sizeBytes };
  }

  /** Each recipient again, now with the message known; the route found at RCPT stands when policy names none. */
  async judgeAll(): Promise<readonly Judged[]> {
    const all: Judged[] = [];
    for (const atRcpt of this.received.transaction.recipients.values()) {
      // Rules run on this thread: other sessions have their turn between two recipients.
      if (all.length > 0) await nextTurn();
      const origin = this.originOf(atRcpt.facts);
      const facts = { ...atRcpt.facts, ...(origin === undefined ? {} : { origin }), content: this.content };
      const { verdict, facts: found } = await this.judge(facts);
      const { route, vouchedBy, tenantId, resellerId } = atRcpt.verdict;
      const inherited = {
        ...(route === undefined ? {} : { route }),
        ...(vouchedBy === undefined ? {} : { vouchedBy }),
        ...(tenantId === undefined ? {} : { tenantId }),
        ...(resellerId === undefined ? {} : { resellerId }),
      };
      const judged = { verdict: { ...inherited, ...verdict }, facts: found };
      all.push(await this.session.withShadows("data", judged, this.inspection?.sourceUnder));
    }
    return all;
  }

  /** Follows what rules send on, and prepares the commit. */
  async accept(taken: readonly Judged[], message: StoredMessage): Promise<AcceptedMessage> {
    const { services, peer } = this.session;
    const { deps, limits, content } = services;
    const expanded = await expandForwards({
      judged: taken,
      directory: deps.directory,
      maySendOut: deps.forwarding !== undefined,
      charge: createChargeForward(deps.policy.current(), services.peerSources.counters),
      judge: async (facts) => {
        await nextTurn();
        return this.judge(facts);
      },
    });
    const trace = this.trace();
    const { receivedAt } = trace;
    const received = traceFields(trace, { date: this.header.hasDate, messageId: this.header.messageId !== undefined });
    const bytes = stripForeignResults(message.bytes, content.hostname) as Buffer;
    const stored = bytes === message.bytes ? message : { bytes, sha256: sha256Of(bytes) };
    const forwards = await this.forwardsOf(expanded, bytes, received(undefined));
    return {
      transaction: this.received.transaction,
      judged: expanded.judged,
      ...stored,
      header: this.header,
      receivedAt,
      received,
      occurredAt: receivedAt,
      sessionId: peer.id,
      limits,
      policy: deps.policy.current(),
      results: await this.resultFields(expanded.judged),
      forwards,
      redirected: stillRedirected(expanded, forwards),
    };
  }

  private judge(facts: Facts): Judged | Promise<Judged> {
    return this.session.judge("data", facts, this.inspection?.source);
  }

  /** The first host beyond the recipient's trusted relays, when the peer is one of them. */
  private originOf({ ip, login, recipient }: Facts): Facts["origin"] | undefined {
    if (login !== undefined || recipient?.found.kind !== "local") return undefined;
    const { tenantId, resellerId } = recipient.found.domain;
    const relays = this.session.services.deps.policy.current().value({ tenantId, resellerId }, "trustedRelays");
    return Array.isArray(relays) ? relayOrigin(relays as readonly string[], ip, this.header.receivedFields) : undefined;
  }

  private async forwardsOf(expanded: Expanded, bytes: Buffer, received: string): Promise<readonly QueuedForward[]> {
    const { deps, content } = this.session.services;
    if (expanded.sentOn.size === 0 || deps.forwarding === undefined || this.inspection === undefined) return [];
    return queueForwards({
      expanded,
      forwarding: deps.forwarding,
      services: content,
      inspection: this.inspection,
      sender: this.received.transaction.sender.address,
      bytes,
      received,
    });
  }

  private async resultFields(judged: readonly Judged[]): Promise<ReadonlyMap<Judged, string>> {
    const fields = new Map<Judged, string>();
    for (const each of judged) {
      const result = await this.inspection?.known(each.facts);
      if (result === undefined) continue;
      fields.set(each, authenticationResults(this.session.services.content.hostname, result));
    }
    return fields;
  }

  private trace(): TraceSource {
    const { session, received } = this;
    const { deps, hostname } = session.services;
    return {
      hostname,
      ip: session.peer.ip,
      helo: session.helo ?? "",
      isEsmtp: session.isEsmtp,
      isAuthenticated: session.login !== undefined,
      smtpUtf8: received.transaction.smtpUtf8,
      confirmedName: session.confirmedName,
      tls: session.wire.tls,
      transactionId: received.transaction.id,
      receivedAt: deps.clock.now(),
    };
  }
}
