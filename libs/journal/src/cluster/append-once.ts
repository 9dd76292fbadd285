import type { Append, EventStore, ExpectedRevision } from "@mailfold/event-store";
import type { Position } from "@mailfold/kernel";

const conflictsMax = 1_000;

/**
 * Appends those of the events that are not in the stream yet. What was appended before can only lie after `since`, the
 * place of the transaction that asks for it, so the stream is read back to there; then the revision found is expected,
 * so that nothing of the same ids can slip in between.
 */
export async function appendOnce(store: EventStore, append: Append, since: Position): Promise<void> {
  let moved: number | undefined;
  for (let conflicts = 0; conflicts < conflictsMax; conflicts += 1) {
    const { ids, head } = await readBack(store, append.stream, since);
    const missing = append.events.filter(({ id }) => !ids.has(id));
    if (missing.length === 0) return;
    // A stream cut off by expiry shows no revision; the refused expectation names the true one.
    const expected: ExpectedRevision = head ?? moved ?? "none";
    const result = await store.append({ stream: append.stream, expected, events: missing });
    if (result.ok) return;
    moved = result.actual < 0 ? undefined : result.actual;
  }
  throw new Error(`${append.stream} moved ${conflictsMax} times while it was appended to`);
}

async function readBack(
  store: EventStore,
  stream: string,
  since: Position,
): Promise<{ readonly ids: ReadonlySet<string>; readonly head: number | undefined }> {
  const ids = new Set<string>();
  let head: number | undefined;
  for await (const event of store.readStream(stream, { direction: "backwards" })) {
    head ??= event.revision;
    if (event.position <= since) break;
    ids.add(event.id);
  }
  return { ids, head };
}
