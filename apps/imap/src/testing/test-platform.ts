import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobStore } from "@mailfold/blob-store";
import type { AppendResult } from "@mailfold/event-store";
import type { BodyRef, MessageMarked } from "@mailfold/events";
import { newId, uuidV7 } from "@mailfold/ids";
import type { Commit } from "@mailfold/journal";
import type { MailboxId, NewEvent, Position, RecordedEvent, VerdictId } from "@mailfold/kernel";
import { createMimePool } from "@mailfold/mime";
import type { PolicySource } from "@mailfold/policy";
import type { MailboxRecord, TenantRecord } from "@mailfold/projection-directory";
import { type FolderOutcome, foldersFold, type MailboxState } from "@mailfold/projection-folders";
import type { FoldHandle, FoldRunner } from "@mailfold/read-store";
import type { Account } from "@mailfold/sasl";
import { createTlsContextProvider, ensureSelfSigned } from "@mailfold/tls";
import { type ImapConfig, type ImapDeps, type ImapLimits, startImap } from "../index.ts";

/** A log, bodies and a fold in memory, enough for the front end under test. */
class MemoryMail {
  readonly events: RecordedEvent[] = [];
  /** Events of `mark-` streams, in order. */
  readonly marks: NewEvent<MessageMarked>[] = [];
  /** Thrown instead of recording marks. */
  marksFault: Error | undefined;
  readonly bodies = new Map<string, Uint8Array>();
  readonly indexes = new Map<string, string>();
  readonly #cells = new Map<string, { state: MailboxState; outcomes: FolderOutcome[]; listeners: Set<Listener> }>();

  /** Whether several appends are one write, as in the embedded log. */
  appendsAtomically = true;
  /** Streams of each commit, in order. */
  readonly commits: string[][] = [];

  readonly journal = {
    events: this,
    commit: async ({ appends, bodies }: Commit): Promise<AppendResult> => {
      this.commits.push(appends.map(({ stream }) => stream.split("-")[0] ?? ""));
      for (const { ref, bytes } of bodies ?? []) this.bodies.set(ref.sha256, bytes);
      const revisions = appends.map(({ stream, events }) => {
        let last = -1;
        if (stream.startsWith("mark-")) {
          if (this.marksFault !== undefined) throw this.marksFault;
          this.marks.push(...(events as NewEvent<MessageMarked>[]));
          return this.marks.length - 1;
        }
        for (const event of events) last = this.#append(stream, event as never);
        return last;
      });
      return { ok: true, position: String(this.events.length) as Position, revisions, replayed: false };
    },
    bodies: {
      read: async (ref: BodyRef) => this.bodies.get(ref.sha256),
      readRange: async (ref: BodyRef, start: number, end: number) => this.bodies.get(ref.sha256)?.slice(start, end),
      readIndex: async (ref: BodyRef) => this.indexes.get(ref.sha256),
      writeIndex: async (ref: BodyRef, index: string) => void this.indexes.set(ref.sha256, index),
    } as unknown as BlobStore,
  };

  readonly folds: FoldRunner<MailboxState, FolderOutcome> = {
    fold: foldersFold,
    open: async (key) => this.#open(key),
    close: async () => {},
  };

  openHandles = 0;

  #open(key: string): FoldHandle<MailboxState, FolderOutcome> {
    const cell = this.#cell(key);
    this.openHandles += 1;
    return {
      key,
      state: cell.state,
      get revision() {
        return cell.outcomes.length - 1;
      },
      waitFor: async (revision) => cell.outcomes[revision] as FolderOutcome,
      refresh: async () => {},
      onApplied: (listener) => {
        cell.listeners.add(listener);
        return () => void cell.listeners.delete(listener);
      },
      release: () => {
        this.openHandles -= 1;
      },
    };
  }

  #cell(key: string) {
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { state: foldersFold.initial(key, { restoredAt: 0 }), outcomes: [], listeners: new Set() };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  #append(stream: string, event: RecordedEvent): number {
    const cell = this.#cell(stream.slice("mail-".length));
    const revision = cell.outcomes.length;
    const recorded = { ...event, stream, revision, position: String(this.events.length) as Position };
    this.events.push(recorded);
    const { outcome } = foldersFold.apply(cell.state, recorded);
    cell.outcomes.push(outcome);
    for (const listener of cell.listeners) listener(outcome, revision);
    return revision;
  }
}
type Listener = (outcome: FolderOutcome, revision: number) => void;

export const password = "correct horse";

/** A running front end with one account, `alice@demo.test`, and what tests turn on it. */
export interface TestPlatform {
  readonly mail: MemoryMail;
  readonly account: Account;
  readonly port: number;
  readonly tlsPort: number;
  /** What was logged as an error. */
  readonly errors: readonly unknown[];
  /** Switches that deps read at each use. */
  readonly settings: {
    requireTls: boolean;
    authMechanisms: readonly string[];
    denied: readonly string[];
    ready: boolean;
    quotaBytes: number;
    status: MailboxRecord["status"];
  };
  /** Delivers as SMTP would. */
  deliver(text: string, options?: DeliverOptions): Promise<void>;
  close(): Promise<void>;
}

export async function startTestPlatform(
  options: { readonly limits?: Partial<ImapLimits>; readonly trustedProxies?: readonly string[] } = {},
): Promise<TestPlatform> {
  const mail = new MemoryMail();
  const errors: unknown[] = [];
  const dir = mkdtempSync(join(tmpdir(), "mailfold-imap-"));
  const account: Account = {
    mailboxId: newId("mailbox"),
    tenantId: newId("tenant"),
    resellerId: newId("reseller"),
    domainId: newId("domain"),
    address: "alice@demo.test",
    quotaBytes: 1_000_000_000,
  };
  const settings: TestPlatform["settings"] = {
    requireTls: false,
    authMechanisms: ["LOGIN", "PLAIN"],
    denied: [],
    ready: true,
    quotaBytes: 1e9,
    status: "active",
  };
  const mime = createMimePool({ threads: 1, timeoutMs: 5_000 });
  const deps: ImapDeps = {
    ...telemetryInto(errors),
    journal: mail.journal,
    folds: mail.folds,
    mime,
    authenticator: {
      authenticate: async ({ login, password: tried }) =>
        login === account.address && tried === password
          ? { ok: true, account }
          : { ok: false, cause: "bad-credentials" },
    },
    clock: { now: () => Date.now() },
    ids: { newId, uuidV7 },
    tls: createTlsContextProvider(
      await ensureSelfSigned({ dir, hostname: "mx.demo.test", clock: { now: Date.now } }),
      Date.now(),
    ),
    policy: policyOf(settings),
    directory: {
      mailbox: (id: MailboxId) =>
        id === account.mailboxId
          ? ({ status: settings.status, quotaBytes: settings.quotaBytes } as unknown as MailboxRecord)
          : undefined,
      tenant: () => ({ switches: { login: false } }) as unknown as TenantRecord,
    },
    readiness: () => settings.ready,
    isDenied: (ip) => settings.denied.includes(ip),
  };
  const config: ImapConfig = {
    host: "127.0.0.1",
    hostname: "mx.demo.test",
    ports: { imap: 0, imaps: 0 },
    trustedProxies: options.trustedProxies ?? [],
    limits: { authFailureDelayMs: 1, accountCheckMs: 20, ...options.limits },
  };
  const front = await startImap(deps, config);
  return {
    mail,
    account,
    settings,
    errors,
    port: front.ports.imap,
    tlsPort: front.ports.imaps,
    deliver: (text, options) => deliver(mail, account, text, options),
    close: async () => {
      await front.close();
      await mime.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface DeliverOptions {
  readonly prefix?: string;
  readonly verdictId?: VerdictId;
}

async function deliver(mail: MemoryMail, account: Account, text: string, options: DeliverOptions = {}): Promise<void> {
  const { prefix = "", verdictId } = options;
  const bytes = Buffer.from(text, "latin1");
  const ref: BodyRef = { tenantId: account.tenantId, sha256: randomUUID(), sizeBytes: bytes.length };
  const data = {
    deliveryId: randomUUID(),
    folder: "INBOX",
    body: ref,
    prefix,
    sizeBytes: prefix.length + bytes.length,
    internalDate: Date.UTC(2026, 10, 24, 10),
    flags: [],
    ...(verdictId === undefined ? {} : { verdictId }),
  };
  const event = { id: randomUUID(), type: "MessageDelivered", data, occurredAt: 0, metadata: {} } as never;
  const append = { stream: `mail-${account.mailboxId}`, expected: "any" as const, events: [event] };
  await mail.journal.commit({ bodies: [{ ref, bytes }], appends: [append] });
}

function policyOf(settings: TestPlatform["settings"]): PolicySource {
  return {
    ready: () => true,
    current: () =>
      ({
        listener: () => ({
          imapBanner: undefined,
          requireTlsForAuth: settings.requireTls,
          authMechanisms: settings.authMechanisms,
          sizeLimitBytes: 20_000_000,
        }),
        effective: () => [],
      }) as never,
  };
}

const nothing = (): void => {};
function telemetryInto(errors: unknown[]): Pick<ImapDeps, "log" | "metrics"> {
  const log = { trace: nothing, debug: nothing, info: nothing, warn: nothing, fatal: nothing };
  return {
    log: { ...log, error: (entry: unknown) => errors.push(entry) },
    metrics: { marks: { inc: nothing }, imapCommands: { inc: nothing }, connections: { inc: nothing, dec: nothing } },
  } as unknown as Pick<ImapDeps, "log" | "metrics">;
}
