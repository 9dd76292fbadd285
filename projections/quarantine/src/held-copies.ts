import type { MessageHeld } from "@mailfold/events";
import type { ColumnValue, DomainId, MailboxId, Position, ResellerId, Row, TenantId } from "@mailfold/kernel";

export type HoldKind = MessageHeld["data"]["kind"];

/** What became of a copy. `delivered`, `rejected`, `expired` = by itself; `released`, `deleted` = by somebody. */
export type HoldStatus = "held" | "released" | "deleted" | "delivered" | "rejected" | "expired";

/** A held copy as its row has it. */
export interface HeldCopy {
  readonly holdId: string;
  readonly kind: HoldKind;
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
  readonly domainId?: DomainId;
  readonly mailboxId: MailboxId;
  readonly recipient: string;
  /** Envelope sender; "" = null sender. */
  readonly sender: string;
  readonly subject: string | null;
  readonly messageId: string | null;
  readonly reason: string | null;
  readonly score: number | null;
  readonly transactionId: string;
  readonly verdictId: string;
  /** Milliseconds since the epoch, like all times here. */
  readonly receivedAt: number;
  readonly expiresAt: number;
  readonly judgeAgainAt: number | null;
  readonly attempts: number;
  readonly sizeBytes: number;
  readonly status: HoldStatus;
  readonly settledAt: number | null;
  readonly settledBy: string | null;
  /** Where its MessageHeld lies. */
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
}

/** A held copy of a row of `holds`. */
export function heldCopyOf(row: Row): HeldCopy {
  return {
    holdId: String(row.holdId),
    kind: row.kind as HoldKind,
    ...(row.tenantId === null ? {} : { tenantId: row.tenantId as TenantId }),
    ...(row.resellerId === null ? {} : { resellerId: row.resellerId as ResellerId }),
    ...(row.domainId === null ? {} : { domainId: row.domainId as DomainId }),
    mailboxId: String(row.mailboxId) as MailboxId,
    recipient: String(row.recipient),
    sender: String(row.sender),
    subject: text(row.subject),
    messageId: text(row.messageId),
    reason: text(row.reason),
    score: number(row.score),
    transactionId: String(row.transactionId),
    verdictId: String(row.verdictId),
    receivedAt: Number(row.receivedAt),
    expiresAt: Number(row.expiresAt),
    judgeAgainAt: number(row.judgeAgainAt),
    attempts: Number(row.attempts),
    sizeBytes: Number(row.sizeBytes),
    status: row.status as HoldStatus,
    settledAt: number(row.settledAt),
    settledBy: text(row.settledBy),
    stream: String(row.stream),
    revision: Number(row.revision),
    position: String(row.position) as Position,
  };
}

const text = (value: ColumnValue | undefined) => (typeof value === "string" ? value : null);
const number = (value: ColumnValue | undefined) => (typeof value === "number" ? value : null);

/**
 * What a copy is at an instant (ms since the epoch): past its time it is expired before an event says so. A deferred one is
 * the judge's until it has settled it.
 */
export function statusAt(copy: Pick<HeldCopy, "kind" | "status" | "expiresAt">, at: number): HoldStatus {
  return copy.status === "held" && copy.kind !== "deferred" && copy.expiresAt <= at ? "expired" : copy.status;
}

/** What a list of copies is narrowed to; all members must match. */
export interface HeldWhere {
  readonly tenantId?: string;
  readonly resellerId?: string;
  readonly domainId?: string;
  readonly mailboxId?: string;
  readonly kind?: HoldKind;
  readonly status?: HoldStatus;
  readonly sender?: string;
  readonly recipient?: string;
  readonly reason?: string;
  /** When it was received, ms since the epoch, inclusive. */
  readonly from?: number;
  readonly to?: number;
  /** In sender, recipient or subject, in any case. */
  readonly text?: string;
}

/** What the quarantine reads with: libs/read-store's readers. */
export interface HeldQuery {
  readonly where: Row;
  readonly and: readonly (readonly [column: string, op: "<" | "<=" | ">" | ">=" | "like", value: ColumnValue])[];
  readonly orderBy: readonly string[];
  readonly descending: boolean;
  readonly limit: number;
}

const textMax = 100;

/** Newest first, `before` a position (exclusive); `at` = now, since a copy past its time is held no more. */
export function heldCopiesQuery(
  where: HeldWhere,
  page: { readonly limit: number; readonly before?: Position | undefined; readonly at: number },
): HeldQuery {
  const { from, to, text: words, ...equal } = where;
  const and: HeldQuery["and"][number][] = [];
  if (page.before !== undefined) and.push(["position", "<", page.before]);
  if (from !== undefined) and.push(["receivedAt", ">=", from]);
  if (to !== undefined) and.push(["receivedAt", "<=", to]);
  if (words !== undefined && words !== "") and.push(["search", "like", `%${words.toLowerCase().slice(0, textMax)}%`]);
  if (where.status === "held") and.push(["heldUntil", ">", page.at]);
  return { where: equal as Row, and, orderBy: ["position"], descending: true, limit: page.limit };
}

/** Copies past their time that no event has ended yet, the longest due first. Deferred ones are the judge's. */
export function lapsedCopiesQuery(at: number, limit: number): HeldQuery {
  return {
    where: { status: "held" },
    and: [["heldUntil", "<=", at]],
    orderBy: ["heldUntil"],
    descending: false,
    limit,
  };
}

/** Copies that ended since an instant, the longest ago first: whose bodies may still have to be let go. */
export function settledCopiesQuery(since: number, limit: number): HeldQuery {
  return { where: {}, and: [["settledAt", ">=", since]], orderBy: ["settledAt"], descending: false, limit };
}
