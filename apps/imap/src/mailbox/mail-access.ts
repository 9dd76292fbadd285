import type { Append, AppendOk } from "@mailfold/event-store";
import { EventStoreFault } from "@mailfold/event-store";
import { type MailEvent, type MessageMarked, messageKeyOf, streams } from "@mailfold/events";
import { uuidV5 } from "@mailfold/ids";
import type { Commit, CommitBody } from "@mailfold/journal";
import type { EventMetadata, NewEvent } from "@mailfold/kernel";
import type { FolderOutcome, MailboxState } from "@mailfold/projection-folders";
import type { FoldHandle } from "@mailfold/read-store";
import type { Account } from "@mailfold/sasl";
import type { ImapDeps } from "../deps.ts";
import type { MarkedMessage } from "./user-marks.ts";

/** Most messages one event may name (architecture.md 6). */
export const messagesPerEventMax = 1_000;
const eventsPerCommitMax = 1_000;

/** One login's way to its mailbox: the folded state, and commands as events whose outcome the fold decides. */
export class MailAccess {
  readonly account: Account;
  readonly #deps: ImapDeps;
  readonly #handle: FoldHandle<MailboxState, FolderOutcome>;
  readonly #metadata: EventMetadata;
  readonly #foldTimeoutMs: number;

  constructor(
    deps: ImapDeps,
    account: Account,
    handle: FoldHandle<MailboxState, FolderOutcome>,
    session: { readonly ip: string; readonly id: string; readonly foldTimeoutMs: number },
  ) {
    this.account = account;
    this.#deps = deps;
    this.#handle = handle;
    this.#foldTimeoutMs = session.foldTimeoutMs;
    this.#metadata = {
      tenantId: account.tenantId,
      resellerId: account.resellerId,
      actor: { type: "mailbox", id: account.mailboxId },
      context: { ip: session.ip, protocol: "imap", sessionId: session.id },
    };
  }

  get state(): MailboxState {
    return this.#handle.state;
  }

  /** Octets the mailbox may hold; asked of the directory, since an admin may change it during a session. */
  get quotaBytes(): number {
    return this.#deps.directory.mailbox(this.account.mailboxId)?.quotaBytes ?? this.account.quotaBytes;
  }

  refresh(): Promise<void> {
    return this.#handle.refresh();
  }

  onChange(listener: () => void): () => void {
    return this.#handle.onApplied(listener);
  }

  release(): void {
    this.#handle.release();
  }

  /** Appends events (any revision: the log assigns the numbers) and answers what each turned out to mean. Durable. */
  async commit(events: readonly MailEvent[], bodies: readonly CommitBody[] = []): Promise<CommittedOutcome[]> {
    const outcomes: CommittedOutcome[] = [];
    for (let at = 0; at < events.length; at += eventsPerCommitMax) {
      outcomes.push(...(await this.#commitBatch(events.slice(at, at + eventsPerCommitMax), bodies)));
    }
    return outcomes;
  }

  /**
   * As commit, with what the user said of messages by each event: in the same write where the log can do that, so that no
   * crash comes between a message's move and its mark. Of the messages as they are now, that is: another session may take one
   * away in this very moment. Where the log cannot, marks follow, of those only that `concerned` finds in the outcome.
   */
  async commitMarked(
    steps: readonly MarkedStep[],
    concerned: (outcome: FolderOutcome) => readonly number[],
  ): Promise<CommittedOutcome[]> {
    if (steps.every(({ marked }) => marked.length === 0)) return this.commit(steps.map(({ event }) => event));
    const outcomes: CommittedOutcome[] = [];
    for (const { event, marked } of steps) {
      if (this.#deps.journal.events.appendsAtomically) {
        outcomes.push(...(await this.#commitBatch([event], [], marked)));
        this.#count(marked);
        continue;
      }
      const [committed] = await this.#commitBatch([event], []);
      if (committed === undefined) throw new Error("a commit of one event answered no outcome");
      const uids = new Set(concerned(committed.outcome));
      await this.#recordMarks(
        committed.eventId,
        marked.filter(({ message }) => uids.has(message.uid)),
      );
      outcomes.push(committed);
    }
    return outcomes;
  }

  async #commitBatch(
    events: readonly MailEvent[],
    bodies: readonly CommitBody[],
    marked: readonly MarkedMessage[] = [],
  ): Promise<CommittedOutcome[]> {
    const stream = streams.mail(this.account.mailboxId);
    const occurredAt = this.#deps.clock.now();
    const newEvents = events.map(
      (event): NewEvent => ({ ...event, id: this.#deps.ids.uuidV7(), metadata: this.#metadata, occurredAt }),
    );
    const holds = bodies.map(({ ref }) => ({ stream, ref }));
    const appends = [
      { stream, expected: "any" as const, events: newEvents },
      ...(marked.length === 0 ? [] : [this.#marksOf(newEvents[0]?.id ?? "", marked, occurredAt)]),
    ];
    const last = (await this.#commitOnce({ appends, bodies, holds })).revisions[0];
    if (last === undefined) throw new Error("a commit of one append answered no revision");
    const outcomes: CommittedOutcome[] = [];
    for (let i = 0; i < events.length; i++) {
      const revision = last - events.length + 1 + i;
      const outcome = await this.#handle.waitFor(revision, this.#foldTimeoutMs);
      outcomes.push({ outcome, modseq: revision + 1, eventId: newEvents[i]?.id ?? "" });
    }
    return outcomes;
  }

  /** What the user said by the mail event `eventId`, of at most 1,000 messages. */
  #marksOf(eventId: string, marked: readonly MarkedMessage[], occurredAt: number): Append {
    const { mailboxId, tenantId } = this.account;
    const metadata = { ...this.#metadata, causationId: eventId };
    const events = marked.map(({ message, mark, by }, index): NewEvent<MessageMarked> => {
      const { body, transactionId, verdictId } = message;
      const ids = {
        ...(transactionId === undefined ? {} : { transactionId }),
        ...(verdictId === undefined ? {} : { verdictId }),
      };
      const data = { mailboxId, messageKey: messageKeyOf(message), body, ...ids, mark, by };
      return { id: uuidV5(eventId, String(index)), type: "MessageMarked", data, metadata, occurredAt };
    });
    return { stream: streams.mark(tenantId, occurredAt), expected: "any", events };
  }

  /** The command was done by then, so a log that does not take the marks costs the marks, not the command. */
  async #recordMarks(eventId: string, marked: readonly MarkedMessage[]): Promise<void> {
    if (marked.length === 0) return;
    try {
      await this.#commitOnce({ appends: [this.#marksOf(eventId, marked, this.#deps.clock.now())] });
    } catch (fault) {
      if (!(fault instanceof EventStoreFault)) throw fault;
      const { mailboxId } = this.account;
      this.#deps.log.warn({ err: fault, mailboxId, marks: marked.length }, "marks could not be recorded");
      return;
    }
    this.#count(marked);
  }

  #count(marked: readonly MarkedMessage[]): void {
    for (const { mark, by } of marked) this.#deps.metrics.marks.inc({ mark, by });
  }

  /** The same event ids again after a fault: a commit that was done and not answered counts once. */
  async #commitOnce(commit: Commit): Promise<AppendOk> {
    const result = await this.#deps.journal.commit(commit).catch((fault: unknown) => {
      if (!(fault instanceof EventStoreFault) || fault.kind !== "unavailable") throw fault;
      return this.#deps.journal.commit(commit);
    });
    if (!result.ok) throw new Error("an append at any revision was refused");
    return result;
  }
}

/** An event, and the marks that come with it. */
export interface MarkedStep {
  readonly event: MailEvent;
  readonly marked: readonly MarkedMessage[];
}

/** An outcome, the MODSEQ that its event gave to what it changed, and the event's id. */
export interface CommittedOutcome {
  readonly outcome: FolderOutcome;
  readonly modseq: number;
  readonly eventId: string;
}
