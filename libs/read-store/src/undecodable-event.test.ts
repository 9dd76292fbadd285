import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createEventCodec } from "@mailfold/events";
import type { KeyedFold, RecordedEvent } from "@mailfold/kernel";
import { openFoldRunner } from "./fold-runner.ts";
import { createMemorySnapshots } from "./fold-snapshots.ts";
import { MemoryEventSource } from "./memory-event-source.ts";
import type { EventSource } from "./projector-parts.ts";
import { letter, letters, others, readStoreWorld, rowsOf, statusOf, until } from "./read-store-test-world.ts";

const codec = createEventCodec({
  seal: () => assert.fail("nothing is sealed here"),
  open: () => assert.fail("nothing is sealed here"),
  blindIndex: () => assert.fail("nothing is indexed here"),
});

/** Events named Torn come as the codec reads them from a damaged log. */
function torn(event: RecordedEvent): RecordedEvent {
  if (event.type !== "Torn") return event;
  const metadata = JSON.stringify(event.metadata);
  return codec.decode({ ...event, wireType: "Torn.v1", data: '{"letter":', metadata });
}

class TornSource extends MemoryEventSource {
  override async *subscribe(options?: Parameters<EventSource["subscribe"]>[0]) {
    for await (const message of super.subscribe(options))
      yield message.type === "event" ? { ...message, event: torn(message.event) } : message;
  }
  override async *readStream(stream: string, options?: Parameters<EventSource["readStream"]>[1]) {
    for await (const event of super.readStream(stream, options)) yield torn(event);
  }
}

const tornEvent = (stream: string) => ({ type: "Torn", stream, data: {} });
const says = /EventDecodeError: Torn\.v1 event-2 at revision \d of \S+ cannot be decoded: it is not JSON$/;

describe("an event that cannot be decoded", () => {
  const world = readStoreWorld();

  test("parks the views that handle it, whether they look at its data or not", async () => {
    const source = new TornSource();
    const blind = { ...letters, name: "blind", handles: ["Letter", "Torn"] };
    const unseeing = {
      ...blind,
      name: "unseeing",
      project: (event: RecordedEvent) => (event.type === "Torn" ? [] : letters.project(event)),
    };
    source.append(letter("a"), tornEvent("tenant-a"), letter("b"));
    const store = await world.openStore([blind, unseeing, others], source);
    await world.caughtUp(store, [others], source);
    assert.deepEqual(rowsOf(store, others), ["a", "b"], "whom it does not concern goes on");
    for (const view of [blind, unseeing]) {
      await until(() => statusOf(store, view.name)?.state === "parked");
      const parked = statusOf(store, view.name)?.parked;
      assert.deepEqual([parked?.eventId, parked?.type], ["event-2", "Torn"]);
      assert.match(parked?.error ?? "", says);
      assert.deepEqual(rowsOf(store, view), ["a"]);
    }
    assert.deepEqual(world.faults, [], "the log itself is well");
  });
  test("is named by the fold that needs it, and other keys go on", async () => {
    const count: KeyedFold<{ letters: string }, string> = {
      name: "count",
      version: 1,
      category: "mail",
      initial: () => ({ letters: "" }),
      apply: (state, event) => {
        state.letters += (event.data as { readonly letter: string }).letter;
        return { state, outcome: state.letters };
      },
      serialize: ({ letters: text }) => new TextEncoder().encode(text),
      deserialize: (bytes) => ({ letters: new TextDecoder().decode(bytes) }),
    };
    const source = new TornSource();
    const runner = openFoldRunner({ fold: count, source, snapshots: createMemorySnapshots() });
    source.append(letter("a", "mail-m1"), tornEvent("mail-m1"), letter("b", "mail-m2"));
    await assert.rejects(runner.open("m1"), (error: Error) => says.test(`${error.name}: ${error.message}`));
    const other = await runner.open("m2");
    assert.equal(other.state.letters, "b");
    await runner.close();
  });
});
