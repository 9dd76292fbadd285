import type { Append, ExpectedRevision } from "@mailfold/event-store";
import { type HeldMessageSettled, type MessageDelivered, type MessageHeld, streams } from "@mailfold/events";
import { newId, uuidV5 } from "@mailfold/ids";
import type { NewEvent, RecordedEvent, TenantId } from "@mailfold/kernel";
import type { Facts, RecipientFact } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { domainFact } from "./directory-facts.ts";
import { domainOf } from "./envelope-address.ts";
import { absentPeerSource, allSources, directorySource } from "./fact-source.ts";
import type { HeldJudgeDeps, Waiting } from "./held-judge.ts";
import { type Judged, judge } from "./judge.ts";
import { quarantineMs } from "./quarantine-time.ts";
import { eventMetadata, newEvent, verdictEvent } from "./verdict-event.ts";

const firstDelayMs = 5 * 60_000;
const longestDelayMs = 4 * 3_600_000;

/**
 * Judges one deferred copy again and commits what became of it. Answers when it is due again (ms since the epoch), undefined
 * when it is settled. Throws when the store does; then nothing happened. `keptMs`: how long a copy that is refused in the
 * end lies in quarantine, in place of quarantineDays.
 */
export async function settleHeld(
  deps: HeldJudgeDeps,
  waiting: Waiting,
  keptMs: number | undefined,
): Promise<number | undefined> {
  const found = await readHeld(deps, waiting);
  // Expired with its stream, or ended by somebody meanwhile: there is nothing left to deliver.
  if (found === undefined) return undefined;
  const { event, expected } = found;
  const held = event.data;
  const now = deps.clock.now();
  const facts = currentFacts(deps.directory, held, now);
  const judged = facts === undefined ? undefined : await judge(judgeSources(deps), "data", facts);
  const change = new HeldChange(event, judged, now);
  const action = judged?.verdict.action ?? "reject";
  let dueAt: number | undefined;
  if (action === "accept" || action === "junk") change.deliver();
  else if (action === "defer" && now < held.expiresAt) {
    dueAt = now + Math.min(firstDelayMs * 2 ** Math.min(waiting.attempts, 10), longestDelayMs);
    change.settle("deferred", { judgeAgainAt: dueAt, attempt: waiting.attempts + 1 });
  } else {
    const { tenantId, resellerId } = event.metadata;
    const { domainId, mailboxId } = held;
    const path = Object.fromEntries(
      Object.entries({ resellerId, tenantId, domainId, mailboxId }).filter(([, id]) => id),
    );
    const until = now + (keptMs ?? quarantineMs(deps.policy.current(), path));
    change.quarantine(action === "defer" ? "expired" : "rejected", until);
  }
  const result = await deps.journal.commit(change.commit(expected));
  // Somebody ended it at this moment: the next sweep sees that.
  if (!result.ok) return now;
  if (dueAt === undefined && isAlone(event)) {
    // Housekeeping does it again, so a failure here costs only space for a while.
    await deps.journal.bodies.setHeld(event.stream, []).catch((error: unknown) => {
      deps.log.warn({ err: error, holdId: held.holdId }, "the body of a settled copy could not be let go");
    });
  }
  return dueAt;
}

/** Facts as they are now: the mailbox may be full no longer, or gone. The peer's host is not asked for again. */
function currentFacts(directory: Directory, held: MessageHeld["data"], at: number): Facts | undefined {
  const facts = held.facts as unknown as Facts;
  const mailbox = directory.mailbox(held.mailboxId);
  const domain = domainFact(directory, domainOf(held.recipient));
  if (mailbox === undefined || mailbox.status === "deleted" || domain === undefined || facts.recipient === undefined) {
    return undefined;
  }
  const suspended = mailbox.status !== "active";
  const overQuota = mailbox.quotaBytes > 0 && mailbox.usedBytes >= mailbox.quotaBytes;
  const target = { mailboxId: mailbox.mailboxId, address: mailbox.address, suspended, overQuota };
  const found: RecipientFact = { kind: "local", domain, targets: [target] };
  return { ...facts, at, recipient: { ...facts.recipient, found } };
}

function judgeSources(deps: HeldJudgeDeps) {
  return { policy: deps.policy, fetch: allSources(directorySource(deps.directory), absentPeerSource) };
}

/** The copy's event, and where its stream ends: undefined when it is gone or has come to an end. */
async function readHeld(
  deps: HeldJudgeDeps,
  { stream, revision }: Waiting,
): Promise<{ readonly event: RecordedEvent<MessageHeld>; readonly expected: ExpectedRevision } | undefined> {
  const { events } = deps.journal;
  let held: RecordedEvent<MessageHeld> | undefined;
  let last = revision;
  for await (const event of events.readStream(stream, { from: revision })) {
    if (held === undefined && event.revision !== revision) return undefined;
    held ??= event as RecordedEvent<MessageHeld>;
    // Of several copies in one stream only the first event is looked at.
    if (!isAlone(held)) break;
    if (isEnd(event)) return undefined;
    last = event.revision;
  }
  if (held === undefined) return undefined;
  return { event: held, expected: isAlone(held) && events.appendsAtomically ? last : "any" };
}

/** Whether the stream is this copy's own. Copies of before shared one of their tenant and day. */
function isAlone({ stream, data }: RecordedEvent<MessageHeld>): boolean {
  return stream === streams.hold(data.body.tenantId as TenantId, data.holdId);
}

function isEnd(event: RecordedEvent): boolean {
  if (event.type === "HeldMessageReleased" || event.type === "HeldMessageDeleted") return true;
  return event.type === "HeldMessageSettled" && (event.data as HeldMessageSettled["data"]).outcome !== "deferred";
}

/** Collects the events of one settlement. */
class HeldChange {
  private readonly event: RecordedEvent<MessageHeld>;
  private readonly judged: Judged | undefined;
  private readonly occurredAt: number;
  private readonly appends: Append[] = [];
  private readonly verdictId = newId("verdict");
  private readonly holds: { readonly stream: string; readonly ref: MessageHeld["data"]["body"] }[] = [];

  constructor(event: RecordedEvent<MessageHeld>, judged: Judged | undefined, occurredAt: number) {
    this.event = event;
    this.judged = judged;
    this.occurredAt = occurredAt;
    if (judged === undefined) return;
    const of = { verdictId: this.verdictId, origin: this.origin, occurredAt };
    const notes = { sizeBytes: event.data.body.sizeBytes, mailboxId: event.data.mailboxId };
    this.append(streams.verdict(judged.verdict.tenantId ?? "platform", occurredAt), verdictEvent(judged, of, notes));
  }

  deliver(): void {
    const held = this.event.data;
    const data: MessageDelivered["data"] = {
      deliveryId: held.holdId,
      folder: this.judged?.verdict.action === "junk" ? { specialUse: "junk" } : "INBOX",
      body: held.body,
      prefix: held.prefix,
      sizeBytes: held.sizeBytes,
      internalDate: this.event.occurredAt,
      flags: [],
      transactionId: held.transactionId,
      ...(this.judged === undefined ? {} : { verdictId: this.verdictId }),
    };
    const stream = streams.mail(held.mailboxId);
    this.append(stream, newEvent<MessageDelivered>("MessageDelivered", data, this.meta));
    this.holds.push({ stream, ref: held.body });
    this.settle("delivered");
  }

  quarantine(outcome: "expired" | "rejected", expiresAt: number): void {
    const { judgeAgainAt: _judgeAgainAt, ...held } = this.event.data;
    const data: MessageHeld["data"] = {
      ...held,
      holdId: uuidV5(held.holdId, "quarantined"),
      kind: "quarantined",
      ...(this.judged === undefined ? {} : { verdictId: this.verdictId }),
      ...(this.judged === undefined ? {} : { reason: this.judged.verdict.reason }),
      expiresAt,
    };
    // Bodies are kept under the tenant whose mailbox this is; so is the copy.
    const stream = streams.hold(held.body.tenantId as TenantId, data.holdId);
    this.append(stream, newEvent<MessageHeld>("MessageHeld", data, this.meta));
    this.holds.push({ stream, ref: held.body });
    this.settle(outcome);
  }

  /** Beside the copy's own event, so that both expire together. */
  settle(
    outcome: HeldMessageSettled["data"]["outcome"],
    again: Pick<HeldMessageSettled["data"], "judgeAgainAt" | "attempt"> = {},
  ): void {
    const data: HeldMessageSettled["data"] = {
      holdId: this.event.data.holdId,
      outcome,
      ...(this.judged === undefined ? {} : { verdictId: this.verdictId }),
      ...again,
    };
    this.append(this.event.stream, newEvent<HeldMessageSettled>("HeldMessageSettled", data, this.meta));
  }

  /** `expected`: of the copy's own stream. */
  commit(expected: ExpectedRevision) {
    const { stream } = this.event;
    const appends = this.appends.map((append) => (append.stream === stream ? { ...append, expected } : append));
    return { appends, holds: this.holds, transactionId: this.event.data.transactionId };
  }

  private append(stream: string, event: NewEvent): void {
    const at = this.appends.findIndex((append) => append.stream === stream);
    const known = this.appends[at];
    if (known === undefined) this.appends.push({ stream, expected: "any", events: [event] });
    else this.appends[at] = { ...known, events: [...known.events, event] };
  }

  private get origin() {
    return { sessionId: "held-judge", transactionId: this.event.data.transactionId };
  }

  private get meta() {
    const { tenantId, resellerId } = this.event.metadata;
    const metadata = eventMetadata(this.event.data.facts as unknown as Facts, { tenantId, resellerId }, this.origin);
    const actor = { type: "system", id: "held-judge" } as const;
    return { metadata: { ...metadata, actor }, occurredAt: this.occurredAt };
  }
}
