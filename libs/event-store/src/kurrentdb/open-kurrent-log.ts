import type { EventCodec, WireEvent } from "@mailfold/events";
import { streams } from "@mailfold/events";
import type { Clock, NewEvent } from "@mailfold/kernel";
import { EventStoreFault } from "../port.ts";
import { type AppendContext, appendUntilKnown } from "./append-until-known.ts";
import type { KurrentClient } from "./kurrent-client.ts";
import { retried } from "./paged-reads.ts";
import { noPosition, toRawEvent } from "./raw-event.ts";

/**
 * Answers the log's epoch: that of its latest LogCreated or LogRestored. An empty log gets its LogCreated here; of
 * several nodes that open it at once, one writes and the others read.
 */
export async function openLog(
  context: AppendContext,
  { codec, clock }: { readonly codec: EventCodec; readonly clock: Clock },
): Promise<string> {
  const { client } = context;
  const found = await readEpoch(client, codec);
  if (found !== undefined) return found;
  const wire = logCreated(codec, clock);
  const append = { stream: streams.platformLog, expected: "none" as const, events: [toRawEvent(wire)] };
  await appendUntilKnown(context, append, noPosition);
  const epoch = await readEpoch(client, codec);
  if (epoch === undefined) throw new EventStoreFault("corrupt", `${streams.platformLog} has no LogCreated event`);
  return epoch;
}

async function readEpoch(client: KurrentClient, codec: EventCodec): Promise<string | undefined> {
  let from: number | undefined;
  for (;;) {
    const page = await retried(() =>
      client.streamPage(streams.platformLog, from, { direction: "backwards", count: 100 }),
    );
    for (const event of page) {
      if (event.position === noPosition)
        throw new EventStoreFault("fatal", "this server reads streams without positions: 22.6 or newer is needed");
      if (["LogCreated", "LogRestored"].includes(codec.nameOf(event.type)))
        return (event.data as { readonly epoch: string }).epoch;
    }
    const oldest = page.at(-1);
    if (!oldest || oldest.revision === 0) return undefined;
    from = oldest.revision - 1;
  }
}

function logCreated(codec: EventCodec, clock: Clock): WireEvent {
  const at = clock.now();
  const event: NewEvent = {
    id: crypto.randomUUID(),
    type: "LogCreated",
    data: { epoch: crypto.randomUUID(), at },
    metadata: { actor: { type: "system", id: "event-store" } },
    occurredAt: at,
  };
  return codec.encode(streams.platformLog, event);
}
