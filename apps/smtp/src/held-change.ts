import type { Append, ExpectedRevision } from "@mailfold/event-store";
import { type HeldMessageSettled, type MessageHeld, streams } from "@mailfold/events";
import { idFromUuid, newId, uuidFromId, uuidV5 } from "@mailfold/ids";
import type { Commit } from "@mailfold/journal";
import type { NewEvent, RecordedEvent, TenantId } from "@mailfold/kernel";
import type { Facts } from "@mailfold/policy";
import type { AcceptedMessage } from "./accepted-message.ts";
import { namedFolder } from "./commit-copies.ts";
import { heldJudge } from "./held-message.ts";
import type { Judged } from "./judge.ts";
import { buildCommit } from "./transaction-commit.ts";
import { eventMetadata, newEvent, verdictEvent } from "./verdict-event.ts";

/** Collects the events of one settlement. */
export class HeldChange {
  readonly verdictId = newId("verdict");
  private readonly event: RecordedEvent<MessageHeld>;
  private readonly judged: Judged | undefined;
  private readonly occurredAt: number;
  private readonly appends: Append[] = [];
  private readonly bodies: NonNullable<Commit["bodies"]>[number][] = [];
  private readonly holds: { readonly stream: string; readonly ref: MessageHeld["data"]["body"] }[] = [];

  constructor(event: RecordedEvent<MessageHeld>, judged: Judged | undefined, occurredAt: number) {
    this.event = event;
    this.judged = judged;
    this.occurredAt = occurredAt;
  }

  /** All that the message comes to, as for one that came now: verdicts, copies, mail sent on. */
  deliver(accepted: AcceptedMessage): void {
    const { appends, bodies = [], holds = [] } = buildCommit(accepted);
    for (const { stream, events } of appends) for (const event of events) this.append(stream, event);
    this.bodies.push(...bodies);
    this.holds.push(...holds);
    this.settle("delivered");
  }

  deferAgain(again: Pick<HeldMessageSettled["data"], "judgeAgainAt" | "attempt">): void {
    this.addVerdict();
    this.settle("deferred", again);
  }

  quarantine(outcome: "expired" | "rejected", expiresAt: number): void {
    this.addVerdict();
    const { judgeAgainAt: _judgeAgainAt, ...held } = this.event.data;
    const data: MessageHeld["data"] = {
      ...held,
      holdId: uuidV5(held.holdId, "quarantined"),
      kind: "quarantined",
      ...this.verdictNotes(),
      expiresAt,
    };
    // Bodies are kept under the tenant whose mailbox this is; so is the copy.
    const stream = streams.hold(held.body.tenantId as TenantId, data.holdId);
    this.append(stream, newEvent<MessageHeld>("MessageHeld", data, this.meta));
    this.holds.push({ stream, ref: held.body });
    this.settle(outcome);
  }

  /** `expected`: of the copy's own stream. */
  commit(expected: ExpectedRevision): Commit {
    const { stream } = this.event;
    const appends = this.appends.map((append) => (append.stream === stream ? { ...append, expected } : append));
    // A cluster knows a commit by this: under the message's own it would be taken for the one that held the copy.
    const transactionId = idFromUuid("message", uuidFromId(this.verdictId));
    return { bodies: this.bodies, appends, holds: this.holds, transactionId };
  }

  /** What the last verdict says of a copy that is kept back for good. */
  private verdictNotes(): Partial<MessageHeld["data"]> {
    if (this.judged === undefined) return {};
    const { verdict, facts } = this.judged;
    const { action, reason, score, delivery } = verdict;
    return {
      ...(action === "discard" ? { kind: "discarded" } : {}),
      verdictId: this.verdictId,
      reason,
      facts: facts as unknown as MessageHeld["data"]["facts"],
      ...(score === undefined ? {} : { score }),
      ...(delivery?.folder === undefined ? {} : { folder: namedFolder(delivery.folder, this.event.data.holdId) }),
    };
  }

  private addVerdict(): void {
    const { judged, verdictId, origin, occurredAt } = this;
    if (judged === undefined) return;
    const notes = { sizeBytes: this.event.data.body.sizeBytes, mailboxId: this.event.data.mailboxId };
    const stream = streams.verdict(judged.verdict.tenantId ?? "platform", occurredAt);
    this.append(stream, verdictEvent(judged, { verdictId, origin, occurredAt }, notes));
  }

  /** Beside the copy's own event, so that both expire together. */
  private settle(
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

  private append(stream: string, event: NewEvent): void {
    const at = this.appends.findIndex((append) => append.stream === stream);
    const known = this.appends[at];
    if (known === undefined) this.appends.push({ stream, expected: "any", events: [event] });
    else this.appends[at] = { ...known, events: [...known.events, event] };
  }

  private get origin() {
    return { sessionId: heldJudge.id, transactionId: this.event.data.transactionId };
  }

  private get meta() {
    const { tenantId, resellerId } = this.event.metadata;
    const metadata = eventMetadata(this.event.data.facts as unknown as Facts, { tenantId, resellerId }, this.origin);
    return { metadata: { ...metadata, actor: heldJudge }, occurredAt: this.occurredAt };
  }
}
