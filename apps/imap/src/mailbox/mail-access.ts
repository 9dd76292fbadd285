import { EventStoreFault } from "@mailfold/event-store";
import type { MailEvent } from "@mailfold/events";
import { streams } from "@mailfold/events";
import type { CommitBody } from "@mailfold/journal";
import type { EventMetadata, NewEvent } from "@mailfold/kernel";
import type { FolderOutcome, MailboxState } from "@mailfold/projection-folders";
import type { FoldHandle } from "@mailfold/read-store";
import type { Account } from "@mailfold/sasl";
import type { ImapDeps } from "../deps.ts";

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

  async #commitBatch(events: readonly MailEvent[], bodies: readonly CommitBody[]): Promise<CommittedOutcome[]> {
    const stream = streams.mail(this.account.mailboxId);
    const occurredAt = this.#deps.clock.now();
    const newEvents = events.map(
      (event): NewEvent => ({ ...event, id: this.#deps.ids.uuidV7(), metadata: this.#metadata, occurredAt }),
    );
    const holds = bodies.map(({ ref }) => ({ stream, ref }));
    const commit = { appends: [{ stream, expected: "any" as const, events: newEvents }], bodies, holds };
    // The same event ids again: a commit that was done and not answered counts once.
    const result = await this.#deps.journal.commit(commit).catch((fault: unknown) => {
      if (!(fault instanceof EventStoreFault) || fault.kind !== "unavailable") throw fault;
      return this.#deps.journal.commit(commit);
    });
    const last = result.ok ? result.revisions[0] : undefined;
    if (last === undefined) throw new Error("a commit of one append answered no revision");
    const outcomes: CommittedOutcome[] = [];
    for (let i = 0; i < events.length; i++) {
      const revision = last - events.length + 1 + i;
      outcomes.push({ outcome: await this.#handle.waitFor(revision, this.#foldTimeoutMs), modseq: revision + 1 });
    }
    return outcomes;
  }
}

/** An outcome and the MODSEQ that its event gave to what it changed. */
export interface CommittedOutcome {
  readonly outcome: FolderOutcome;
  readonly modseq: number;
}
