import type { BodyRef } from "@mailfold/events";
import type { ColumnValue, MessageId, Row, RowsProjection } from "@mailfold/kernel";
import { outboundQueue } from "./outbound-queue.ts";

/** What the queue reads with: libs/read-store's RowReader, or rows in memory. */
export interface QueueRows {
  get(projection: RowsProjection, table: string, key: Row): Row | undefined;
  select(
    projection: RowsProjection,
    table: string,
    query: {
      readonly where?: Row;
      readonly and?: readonly (readonly [column: string, op: "<=", value: ColumnValue])[];
      readonly orderBy?: readonly string[];
      readonly limit: number;
    },
  ): readonly Row[];
}

/** A message that waits to leave, as its row has it. */
export interface QueuedMessage {
  readonly messageId: MessageId;
  readonly tenantId?: string;
  /** "" = null sender. */
  readonly sender: string;
  readonly body: BodyRef;
  readonly sizeBytes: number;
  readonly status: "queued" | "trying" | "finished";
  readonly attempts: number;
  /** Milliseconds since the epoch; absent when it is due no more. */
  readonly nextAttemptAt?: number;
  readonly expiresAt: number;
}

/** One message of the queue by id. */
export function queuedMessage(rows: QueueRows, messageId: MessageId): QueuedMessage | undefined {
  const row = rows.get(outboundQueue, "messages", { messageId });
  return row && messageOf(row);
}

/**
 * Messages with something to do at `at` (ms since the epoch), the longest due first; `limit` is 1..1,000. A message whose last
 * recipient is settled stays due until it is finished, so that a crash in between loses no bounce.
 */
export function dueMessages(rows: QueueRows, at: number, limit: number): readonly QueuedMessage[] {
  const due = rows.select(outboundQueue, "messages", {
    and: [["nextAttemptAt", "<=", at]],
    orderBy: ["nextAttemptAt"],
    limit,
  });
  return due.map(messageOf);
}

function messageOf(row: Row): QueuedMessage {
  return {
    messageId: String(row.messageId) as MessageId,
    ...(row.tenantId === null ? {} : { tenantId: String(row.tenantId) }),
    sender: String(row.sender ?? ""),
    body: JSON.parse(String(row.body)) as BodyRef,
    sizeBytes: Number(row.sizeBytes),
    status: row.status as QueuedMessage["status"],
    attempts: Number(row.attempts),
    ...(row.nextAttemptAt === null ? {} : { nextAttemptAt: Number(row.nextAttemptAt) }),
    expiresAt: Number(row.expiresAt),
  };
}
