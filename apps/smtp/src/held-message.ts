import { type MessageHeld, streams } from "@mailfold/events";
import type { VerdictId } from "@mailfold/kernel";
import type { Facts, Need } from "@mailfold/policy";
import type { AcceptedMessage } from "./accepted-message.ts";
import { MessageInspection } from "./content/message-inspection.ts";
import type { FetchFacts } from "./fact-source.ts";
import { createChargeForward } from "./forward/charge-forward.ts";
import { type Expanded, expandForwards } from "./forward/expand-forwards.ts";
import { forwardId, type QueuedForward, queueForwards, stillRedirected } from "./forward/queue-forwards.ts";
import { readHeaderFacts } from "./header-facts.ts";
import type { HeldJudgeDeps } from "./held-judge.ts";
import type { Judged } from "./judge.ts";
import { defaultSmtpLimits } from "./smtp-config.ts";

const contentNeeds: ReadonlySet<Need> = new Set(["authentication", "scan", "classify", "findings", "rules"]);

/** Who judges deferred copies, in the events of what became of them. */
export const heldJudge = { type: "system", id: "held-judge" } as const;

/** The message of a deferred copy: its body is read when somebody asks about its content, and when it is delivered. */
export class HeldMessage {
  private readonly deps: HeldJudgeDeps;
  private readonly held: MessageHeld["data"];
  private reading: Promise<Buffer> | undefined;
  private inspecting: Promise<MessageInspection> | undefined;

  constructor(deps: HeldJudgeDeps, held: MessageHeld["data"]) {
    this.deps = deps;
    this.held = held;
  }

  /** Answers the needs of content. Throws when the body cannot be read. */
  readonly source: FetchFacts = (missing, facts) => {
    if (!missing.needs.some((need) => contentNeeds.has(need))) return facts;
    return this.inspection().then((inspection) => inspection.source(missing, facts));
  };

  /** Follows what rules send on, and prepares the commit, as for a message that came now. */
  async accept(
    judged: Judged,
    of: {
      readonly receivedAt: number;
      readonly occurredAt: number;
      readonly verdictId: VerdictId;
      /** The data phase for a recipient that the message gains. */
      judge(facts: Facts): Promise<Judged>;
    },
  ): Promise<AcceptedMessage> {
    const { deps, held } = this;
    const { directory, forwarding, policy, counters } = deps;
    const maySendOut = forwarding !== undefined;
    const bytes = await this.bytes();
    const charge = counters && createChargeForward(policy.current(), counters);
    const expanded = await expandForwards({ judged: [judged], directory, maySendOut, charge, judge: of.judge });
    const { results, received } = readPrefix(held.prefix);
    const unsent = await this.unsent(expanded);
    const forwards = await this.forwardsOf(unsent, bytes, received);
    const { receivedAt, occurredAt, verdictId } = of;
    return {
      transaction: {
        id: held.transactionId,
        sender: { address: held.sender, form: "plain" },
        smtpUtf8: !isAscii(held.sender + held.recipient) || !isAscii(headerOf(bytes)),
        eightBit: bytes.some((octet) => octet > 127),
      },
      judged: expanded.judged,
      bytes,
      sha256: held.body.sha256,
      storedFor: held.body.tenantId,
      header: readHeaderFacts(bytes),
      receivedAt,
      received: () => received,
      occurredAt,
      sessionId: heldJudge.id,
      actor: heldJudge,
      verdictId,
      limits: defaultSmtpLimits,
      policy: policy.current(),
      results: new Map(expanded.judged.map((each) => [each, results])),
      forwards,
      redirected: stillRedirected(unsent, forwards),
      sharedWith: this.otherTargets(),
    };
  }

  /** The alias's other mailboxes, as it was when the mail came. */
  private otherTargets(): NonNullable<AcceptedMessage["sharedWith"]> {
    const { recipient } = this.held.facts as unknown as Facts;
    const targets = recipient?.found.kind === "local" ? recipient.found.targets : [];
    return targets.filter(({ mailboxId }) => mailboxId !== this.held.mailboxId);
  }

  /** Several copies of one message may be held for one address, or one have gone its way at once: it is sent on once. */
  private async unsent(expanded: Expanded): Promise<Expanded> {
    const sentOn = new Map<Judged, readonly string[]>();
    for (const [judged, recipients] of expanded.sentOn) {
      const stream = streams.outbound(forwardId(this.held.transactionId, judged));
      if (await isEmpty(this.deps.journal.events.readStream(stream, { limit: 1 }))) sentOn.set(judged, recipients);
    }
    return { ...expanded, sentOn };
  }

  private async forwardsOf(expanded: Expanded, bytes: Buffer, received: string): Promise<readonly QueuedForward[]> {
    const { content, forwarding } = this.deps;
    if (expanded.sentOn.size === 0 || forwarding === undefined) return [];
    const inspection = await this.inspection();
    // Whom nobody authenticated when it came is not authenticated now.
    const known = (facts: Facts) =>
      facts.content?.authentication === undefined ? undefined : inspection.authenticate(facts);
    const { sender } = this.held;
    return queueForwards({ expanded, forwarding, services: content, inspection: { known }, sender, bytes, received });
  }

  private inspection(): Promise<MessageInspection> {
    const { transactionId, recipient } = this.held;
    this.inspecting ??= this.bytes().then(
      (bytes) => new MessageInspection(this.deps.content, { bytes, transactionId, recipients: [recipient] }),
    );
    return this.inspecting;
  }

  private bytes(): Promise<Buffer> {
    const { body, holdId } = this.held;
    this.reading ??= this.deps.journal.bodies.read(body).then((bytes) => {
      if (bytes === undefined) throw new Error(`the body of held copy ${holdId} is missing`);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    });
    return this.reading;
  }
}

/** What we put in front when it came: results of authentication, and our Received field with all behind it. */
function readPrefix(prefix: string): { readonly results: string; readonly received: string } {
  const fields = prefix.split(/(?<=\r\n)(?![ \t])/);
  const named = (name: string) => (field: string) => field.startsWith(`${name}:`);
  return {
    results: fields.filter(named("Authentication-Results")).join(""),
    received: fields.slice(fields.findLastIndex(named("Received"))).join(""),
  };
}

async function isEmpty(items: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of items) return false;
  return true;
}

function headerOf(bytes: Buffer): string {
  const end = bytes.indexOf("\r\n\r\n");
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text);
}
