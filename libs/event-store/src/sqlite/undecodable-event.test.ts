import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { createEventCodec, UndecodableEvent } from "@mailfold/events";
import type { NewEvent, RecordedEvent } from "@mailfold/kernel";
import { collect, eventsIn, takeUntil } from "../contract/contract-fixtures.ts";
import { type EventStore, readWholeStream } from "../port.ts";
import { openSqliteEventStore } from "./sqlite-event-store.ts";
import { openSqliteLogReader } from "./sqlite-log-reader.ts";

const codec = createEventCodec({
  seal: (_scope, text) => ({ keyId: "k.1", nonce: "n", ciphertext: text }),
  open: ({ ciphertext }) => ciphertext,
  blindIndex: (purpose, value) => `${purpose}:${value}`,
});
const stream = "mailbox-mbx_01";

function resumed(n: number): NewEvent {
  return {
    id: `0198f000-0000-7000-8000-00000000000${n}`,
    type: "MailboxResumed",
    data: { mailboxId: "mbx_01" },
    metadata: { actor: { type: "tenant", id: "tok_01" } },
    occurredAt: n,
  };
}

async function live(store: Pick<EventStore, "subscribe">, count: number): Promise<readonly RecordedEvent[]> {
  const filter = { streamPrefixes: ["mailbox-"] };
  return eventsIn(await takeUntil(store, { filter }, (messages) => eventsIn(messages).length === count));
}

test("readers pass an event whose data is damaged on disk, and what came after it follows", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mailfold-undecodable-"));
  const path = join(directory, "log.db");
  const store = await openSqliteEventStore({ path, codec, clock: { now: () => 1 } });
  const reader = openSqliteLogReader(path, codec);
  try {
    await store.append({ stream, expected: "none", events: [resumed(1), resumed(2), resumed(3)] });
    const db = new DatabaseSync(path);
    const damage = db.prepare("UPDATE record_events SET data = ? WHERE id = ?");
    assert.equal(damage.run('{"mailboxId":', resumed(2).id).changes, 1);
    db.close();
    const readings = [
      await readWholeStream(store, stream),
      await collect(store.readAll({ filter: { types: ["MailboxResumed"] } })),
      await live(store, 3),
      await live(reader, 3),
    ];
    for (const events of readings) {
      assert.deepEqual(
        events.map((event) => [event.id, event.revision, event instanceof UndecodableEvent]),
        [1, 2, 3].map((n) => [resumed(n).id, n - 1, n === 2]),
      );
      assert.throws(() => events[1]?.data, /revision 1 of mailbox-mbx_01 cannot be decoded: it is not JSON$/);
      assert.deepEqual(events[2]?.data, resumed(3).data);
    }
  } finally {
    await reader.close();
    await store.close();
    rmSync(directory, { recursive: true });
  }
});
