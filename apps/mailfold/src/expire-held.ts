import type { ExpectedRevision } from "@mailfold/event-store";
import { type HeldMessageSettled, streams } from "@mailfold/events";
import { uuidV7 } from "@mailfold/ids";
import type { Journal } from "@mailfold/journal";
import type { Clock, RecordedEvent, Row } from "@mailfold/kernel";
import {
  type HeldCopy,
  type HeldQuery,
  heldCopyOf,
  lapsedCopiesQuery,
  quarantine,
  settledCopiesQuery,
} from "@mailfold/projection-quarantine";
import type { ReadStore } from "@mailfold/read-store";

export interface ExpireHeldDeps {
  readonly journal: Pick<Journal, "events" | "bodies">;
  readonly rows: Pick<ReadStore, "selectAsync">;
  readonly clock: Clock;
}

const pageRows = 1_000;
/** Copies looked at in one round; the next one takes the rest. */
const pagesMax = 100;

/**
 * Ends held copies whose time is over, and lets go of their bodies. Who releases one at this moment wins: the append is at the
 * revision that was read. Answers how many ended. Deferred copies are the judge's.
 */
export async function expireHeldCopies({ journal, rows, clock }: ExpireHeldDeps): Promise<number> {
  const now = clock.now();
  let ended = 0;
  for await (const copy of copies(rows, lapsedCopiesQuery(now, pageRows))) {
    const expected = await endOf(journal, copy);
    if (expected === undefined) continue;
    const data: HeldMessageSettled["data"] = { holdId: copy.holdId, outcome: "expired" };
    const { tenantId, resellerId } = copy;
    const metadata = {
      ...(tenantId === undefined ? {} : { tenantId }),
      ...(resellerId === undefined ? {} : { resellerId }),
      actor: { type: "system", id: "quarantine" } as const,
      correlationId: copy.transactionId,
    };
    const event = { id: uuidV7(), type: "HeldMessageSettled", data, metadata, occurredAt: now };
    const result = await journal.events.append({ stream: copy.stream, expected, events: [event] });
    if (!result.ok) continue;
    ended += 1;
    await letGo(journal, copy);
  }
  return ended;
}

/** Lets go of the bodies of copies that ended since an instant (ms since the epoch), for whoever ended them and was stopped. */
export async function letGoOfSettled({ journal, rows }: ExpireHeldDeps, since: number): Promise<void> {
  for await (const copy of copies(rows, settledCopiesQuery(since, pageRows))) await letGo(journal, copy);
}

async function* copies(rows: ExpireHeldDeps["rows"], query: HeldQuery): AsyncGenerator<HeldCopy> {
  let after: Row | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const found: readonly Row[] = await rows.selectAsync(quarantine, "holds", {
      ...query,
      ...(after === undefined ? {} : { after }),
    });
    for (const row of found) yield heldCopyOf(row);
    after = found.at(-1);
    if (found.length < query.limit) return;
  }
}

/** Where the copy's stream ends; undefined when the copy ended before, or is gone. */
async function endOf({ events }: ExpireHeldDeps["journal"], copy: HeldCopy): Promise<ExpectedRevision | undefined> {
  let last: number | undefined;
  for await (const event of events.readStream(copy.stream, { from: copy.revision })) {
    if (isEndOf(copy, event)) return undefined;
    last = event.revision;
  }
  return last;
}

function isEndOf({ holdId }: HeldCopy, event: RecordedEvent): boolean {
  if (event.type === "MessageHeld" || (event.data as HeldMessageSettled["data"]).holdId !== holdId) return false;
  return event.type !== "HeldMessageSettled" || (event.data as HeldMessageSettled["data"]).outcome !== "deferred";
}

/** Copies of before share the stream of their tenant and day: their bodies go with it. */
async function letGo({ bodies }: ExpireHeldDeps["journal"], { tenantId, holdId, stream }: HeldCopy): Promise<void> {
  if (tenantId !== undefined && stream === streams.hold(tenantId, holdId)) await bodies.setHeld(stream, []);
}
