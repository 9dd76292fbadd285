import { rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { MailboxId, TenantId } from "@mailfold/kernel";
import { inTransaction, openTokenDatabase, SqliteTokens } from "./sqlite-tokens.ts";
import { type TokenChange, type TokenReading, type TokenStoreLimits, tokenKey } from "./token-store.ts";
import { tokenizerVersion } from "./tokenize.ts";

/** A user's word on one message, and its place in the log. */
export interface LearnableMark {
  readonly tenantId: TenantId;
  readonly mailboxId: MailboxId;
  /** The message within its mailbox: of its marks the last one counts. */
  readonly messageKey: string;
  readonly kind: "spam" | "ham";
  /** Orders as text compares; marks at or before the checkpoint are done already. */
  readonly position: string;
  /** Days since 1970-01-01. */
  readonly day: number;
}

/**
 * `known`: the message was trained as this before, or the mark was worked off before. `changed`: it had been trained as
 * the other kind. `skipped`: there are no tokens to train.
 */
export type Learned = "trained" | "changed" | "known" | "skipped";

/** The log that the counts were built from: another epoch means counts of another history. */
export interface MarkStoreOptions extends TokenStoreLimits {
  readonly epoch: string;
}

/**
 * Token counts, which mark each message was trained by, and how far the log was read: changed together in one
 * transaction, so that each mark counts exactly once whatever is killed when. For one writer; faults throw.
 */
export interface MarkStore {
  /** Position of the last event that is worked off; "" at the start. */
  checkpoint(): string;
  /** Works off one mark with the message's tokens; undefined where they cannot be had. */
  learn(mark: LearnableMark, tokens: readonly string[] | undefined): Learned;
  /** Nothing to learn up to here. */
  pass(position: string): void;
  read(tenantId: TenantId, keys: readonly number[]): TokenReading;
  /** Removes at most `limit` tokens last trained, and as many messages last marked, before these days. Answers how many of both went. */
  expire(before: { readonly tokensDay: number; readonly marksDay: number }, limit: number): number;
  /** Tenants with anything learned. */
  tenants(): readonly TenantId[];
  /** Removes all that was learned from a tenant's mail. */
  forget(tenantId: TenantId): void;
  close(): void;
}

export interface OpenedMarkStore {
  readonly store: MarkStore;
  /** Why what was there could not be used: the store is empty and learns from the start of the log. */
  readonly rebuilt?: string;
}

// Raised with the tables; other tokens make other counts, hence the tokenizer's version.
const format = `1.${tokenizerVersion}`;

const schema = `
CREATE TABLE IF NOT EXISTS learning (
  id INTEGER PRIMARY KEY CHECK (id = 1), format TEXT NOT NULL, epoch TEXT NOT NULL, position TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS marked (
  mailbox TEXT NOT NULL, message TEXT NOT NULL, kind TEXT NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (mailbox, message)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marked_by_day ON marked (day);`;

/**
 * Opens DATA/classifier.db for its writer. A file that is corrupt, of another format, or of another log's history is
 * removed and begun anew; `fresh` removes whatever is there.
 */
export function openMarkStore(path: string, options: MarkStoreOptions, fresh = false): OpenedMarkStore {
  let rebuilt = fresh ? "it was found corrupt" : undefined;
  if (!fresh) {
    try {
      const db = openTokenDatabase(path);
      const why = problemOf(db, options.epoch);
      if (why === undefined) return { store: markStore(db, options) };
      db.close();
      rebuilt = why;
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      rebuilt = (error as Error).message;
    }
  }
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  const db = openTokenDatabase(path);
  problemOf(db, options.epoch);
  return { store: markStore(db, options), ...(rebuilt === undefined ? {} : { rebuilt }) };
}

/** Whether a fault says that the file itself is broken (SQLITE_CORRUPT, SQLITE_NOTADB). */
export function isCorrupt(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: unknown };
  return typeof errcode === "number" && [11, 26].includes(errcode & 0xff);
}

/** Readies the tables; answers why what they hold cannot be used. */
function problemOf(db: DatabaseSync, epoch: string): string | undefined {
  db.exec(schema);
  db.prepare("INSERT INTO learning (id, format, epoch, position) VALUES (1, ?, ?, '') ON CONFLICT DO NOTHING").run(
    format,
    epoch,
  );
  const row = db.prepare("SELECT format, epoch FROM learning").get();
  if (row?.format !== format) return "it is of another version";
  return row.epoch === epoch ? undefined : "it was learned from another log";
}

function markStore(db: DatabaseSync, limits: TokenStoreLimits): MarkStore {
  const tokens = new SqliteTokens(db, limits);
  const sql = {
    position: db.prepare("SELECT position FROM learning"),
    pass: db.prepare("UPDATE learning SET position = max(position, ?)"),
    kind: db.prepare("SELECT kind FROM marked WHERE mailbox = ? AND message = ?"),
    mark: db.prepare(`INSERT INTO marked (mailbox, message, kind, day) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET kind = excluded.kind, day = excluded.day`),
    expire: db.prepare(`DELETE FROM marked WHERE (mailbox, message) IN
      (SELECT mailbox, message FROM marked WHERE day < ? ORDER BY day LIMIT ?)`),
  };
  const checkpoint = (): string => String(sql.position.get()?.position);
  return {
    checkpoint,
    learn: (mark, words) =>
      inTransaction(db, () => {
        const { tenantId, mailboxId, messageKey, kind, position, day } = mark;
        if (position <= checkpoint()) return "known";
        sql.pass.run(position);
        const before = sql.kind.get(mailboxId, messageKey)?.kind;
        if (before !== kind && words === undefined) return "skipped";
        sql.mark.run(mailboxId, messageKey, kind, day);
        if (before === kind || words === undefined) return "known";
        const keys = [...new Set(words.map(tokenKey))];
        const changes: TokenChange[] = [{ kind, by: 1, keys, day }];
        // The new kind first: a token at its last count must not be dropped and forget when it was seen.
        if (before !== undefined) changes.push({ kind: kind === "spam" ? "ham" : "spam", by: -1, keys, day });
        tokens.apply(tenantId, changes);
        return before === undefined ? "trained" : "changed";
      }),
    pass: (position) => void sql.pass.run(position),
    read: (tenantId, keys) => tokens.read(tenantId, keys),
    expire: (before, limit) =>
      inTransaction(
        db,
        () => tokens.expire(before.tokensDay, limit) + Number(sql.expire.run(before.marksDay, limit).changes),
      ),
    tenants: () => tokens.tenants(),
    forget: (tenantId) => inTransaction(db, () => tokens.forget(tenantId)),
    close: () => db.close(),
  };
}
