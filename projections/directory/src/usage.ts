import type { MailboxId, Row, RowsProjection, TableSpec } from "@mailfold/kernel";

/** Rows of a mailbox's use, kept by the projector as a summary of the folders fold. */
export const mailboxUsageTable: TableSpec = {
  name: "usage",
  key: ["mailboxId"],
  columns: { mailboxId: "text", bytes: "integer", messages: "integer" },
};

/** The row of one mailbox: what a summary of the folders fold answers. */
export function mailboxUsageRow(
  state: { readonly totalBytes: number; readonly totalMessages: number },
  mailboxId: string,
): Row {
  return { mailboxId, bytes: state.totalBytes, messages: state.totalMessages };
}

/** Octets a mailbox holds, from its summary row; 0 when it has none yet. `projection` names the summary's rows. */
export function usedBytesFrom(
  rows: { get(projection: RowsProjection, table: string, key: Row): Row | undefined },
  projection: RowsProjection,
): (mailboxId: MailboxId) => number {
  return (mailboxId) => Number(rows.get(projection, mailboxUsageTable.name, { mailboxId })?.bytes ?? 0);
}

/** Mailboxes whose use is remembered between two batches of the projector. */
const rememberedMax = 10_000;

/** Remembers what `usedBytes` answered until the usage rows advance: asked for each recipient, changed once a batch. */
export function cachedUsedBytes(usedBytes: (mailboxId: MailboxId) => number): {
  readonly of: (mailboxId: MailboxId) => number;
  invalidate(): void;
} {
  const known = new Map<MailboxId, number>();
  return {
    of(mailboxId) {
      const remembered = known.get(mailboxId);
      if (remembered !== undefined) return remembered;
      if (known.size >= rememberedMax) known.clear();
      const bytes = usedBytes(mailboxId);
      known.set(mailboxId, bytes);
      return bytes;
    },
    invalidate: () => known.clear(),
  };
}
