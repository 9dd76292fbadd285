import type { Position } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import { type AppendContext, appendUntilKnown } from "./append-until-known.ts";
import { retried } from "./paged-reads.ts";
import { fanOutStream, noPosition } from "./raw-event.ts";

/** Where a consumer that runs once per cluster keeps its place. */
export interface PositionKeeper {
  load(): Promise<Position>;
  save(position: Position): Promise<void>;
}

/** Runs a call and turns its failure into the port's fault. */
export type Asking = <T>(doing: string, call: () => Promise<T>) => Promise<T>;

const notesKept = 4;

/** Notes in a stream of their own, of which the server keeps the last few. */
export function keepFanOutPosition(context: AppendContext, asking: Asking): PositionKeeper {
  const { client } = context;
  let isBounded = false;
  return {
    load: () =>
      asking("reading the fan-out's place", async () => {
        const page = { direction: "backwards", count: 1 } as const;
        const [last] = await retried(() => client.streamPage(fanOutStream, undefined, page));
        return (last?.data as { readonly position?: Position } | undefined)?.position ?? startOfLog;
      }),
    save: (position) =>
      asking("noting the fan-out's place", async () => {
        if (!isBounded) await client.limitStream(fanOutStream, { maxCount: notesKept });
        isBounded = true;
        const event = { id: crypto.randomUUID(), type: "FanOutReached", data: { position }, metadata: {} };
        await appendUntilKnown(context, { stream: fanOutStream, expected: "any", events: [event] }, noPosition);
      }),
  };
}
