import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { openSqliteEventStore, openSqliteLogReader } from "@mailfold/event-store";
import type { EventCodec } from "@mailfold/events";
import type { EventMetadata, NewEvent } from "@mailfold/kernel";
import { mailboxUsageRow, mailboxUsageTable } from "@mailfold/projection-directory";
import { foldersFold, type MailboxState } from "@mailfold/projection-folders";
import { messageTrace } from "@mailfold/projection-message-trace";
import { openFoldRunner } from "./fold-runner.ts";
import { type EventSource, type ProjectorParts, type Summary, summaryProjection } from "./projector-parts.ts";
import { openReadStore } from "./read-store.ts";

const plain: EventCodec = {
  encode: (_stream, { id, type, occurredAt, data, metadata }) => ({
    id,
    wireType: `${type}.v1`,
    occurredAt,
    data: JSON.stringify(data),
    metadata: JSON.stringify(metadata),
  }),
  decode: ({ wireType, data, metadata, ...rest }) => ({
    ...rest,
    type: plain.nameOf(wireType),
    data: JSON.parse(data) as unknown,
    metadata: JSON.parse(metadata) as EventMetadata,
  }),
  wireTypes: (types) => types.map((type) => `${type}.v1`),
  nameOf: (wireType) => wireType.slice(0, wireType.lastIndexOf(".")),
};
const usage = {
  fold: foldersFold,
  table: mailboxUsageTable,
  summarise: mailboxUsageRow,
} satisfies Summary<MailboxState>;
const usageRows = summaryProjection(usage);

let count = 0;
function delivery(): NewEvent {
  count += 1;
  return {
    id: `00000000-0000-7000-8000-${String(count).padStart(12, "0")}`,
    type: "MessageDelivered",
    occurredAt: count,
    data: {
      deliveryId: `delivery-${count}`,
      folder: "INBOX",
      body: { tenantId: "ten_1", sha256: "aa", sizeBytes: 90 },
      prefix: "0123456789",
      sizeBytes: 100,
      internalDate: count,
      flags: [],
      transactionId: "msg_1",
    },
    metadata: { actor: { type: "peer", id: "192.0.2.1" } },
  };
}

const folder = mkdtempSync(join(tmpdir(), "mailfold-log-and-views-"));
after(() => rmSync(folder, { recursive: true }));

describe("over the embedded log", () => {
  test("rows, usage summary and mailbox state follow deliveries; a restart goes on where it was", async () => {
    const clock = { now: () => 0 };
    const path = join(folder, "log.db");
    const log = await openSqliteEventStore({ path, codec: plain, clock });
    const open = () => {
      const source: EventSource = openSqliteLogReader(path, plain);
      const parts: ProjectorParts = { source, projections: [messageTrace], summaries: [usage] };
      return openReadStore({ path: join(folder, "views.db"), clock, projector: { parts } });
    };
    let store = await open();
    const current = async () => {
      const projections = [messageTrace.name, usageRows.name];
      assert.equal(await store.waitFor(await log.head(), { projections, timeoutMs: 5_000 }), true);
    };
    const runner = openFoldRunner({ fold: foldersFold, source: log, snapshots: store.snapshots });
    const handle = await runner.open("mbx_1");
    const deliver = async (events: number) => {
      const result = await log.append({
        stream: "mail-mbx_1",
        expected: "any",
        events: Array.from({ length: events }, delivery),
      });
      assert(result.ok);
      return result.revisions.at(-1) ?? -1;
    };
    const outcome = await handle.waitFor(await deliver(1), 1_000);
    assert.equal(outcome.type, "delivered");
    await deliver(699);
    await current();
    assert.deepEqual(
      { ...store.get(usageRows, "usage", { mailboxId: "mbx_1" }) },
      {
        mailboxId: "mbx_1",
        bytes: 70_000,
        messages: 700,
      },
    );
    assert.equal(store.select(messageTrace, "steps", { where: { transactionId: "msg_1" }, limit: 1000 }).length, 700);
    await runner.close();
    await store.close();
    store = await open();
    await deliver(1);
    await current();
    assert.equal(store.get(usageRows, "usage", { mailboxId: "mbx_1" })?.messages, 701);
    const again = openFoldRunner({ fold: foldersFold, source: log, snapshots: store.snapshots });
    const reopened = await again.open("mbx_1");
    assert.deepEqual([reopened.revision, reopened.state.totalMessages], [700, 701]);
    for (const name of [messageTrace.name, usageRows.name]) await store.rebuild(name);
    assert.equal(store.get(usageRows, "usage", { mailboxId: "mbx_1" })?.messages, 701);
    await again.close();
    await store.close();
    await log.close();
  });
});
