// A projector module for tests: its log is a file of JSON lines, so that the test can append from another thread.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Position, type RecordedEvent, type RowsProjection, startOfLog } from "@mailfold/kernel";
import type { EventSource, ProjectorParts, SourceMessage } from "./projector-parts.ts";

const letters: RowsProjection = {
  name: "letters",
  version: 1,
  tables: [{ name: "seen", key: ["letter"], columns: { letter: "text" } }],
  handles: ["Letter"],
  project: (event) => {
    const { letter } = event.data as { readonly letter: string };
    // Thrown outside the projector's care, as a bug in a timer would be.
    if (letter === "die") setImmediate(() => Promise.reject(new Error("the worker's own bug")));
    return [{ put: "seen", row: { letter } }];
  },
};

/** See ProjectorModule. */
export function createProjector(config: unknown): Promise<ProjectorParts> {
  const { log } = config as { readonly log: string };
  if (log === "") return Promise.reject(new Error("no log was named"));
  return Promise.resolve({ source: fileSource(log), projections: [letters] });
}

function fileSource(path: string): EventSource {
  const read = () =>
    readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as RecordedEvent);
  return {
    async *subscribe({ after = startOfLog, signal } = {}): AsyncGenerator<SourceMessage> {
      let position: Position = after;
      let caughtUp = false;
      while (signal?.aborted !== true) {
        for (const event of read()) {
          if (event.position <= position) continue;
          position = event.position;
          yield { type: "event", event };
        }
        if (!caughtUp) yield { type: "caughtUp", position };
        caughtUp = true;
        await sleep(5);
      }
    },
    async *readStream(stream) {
      yield* read().filter((event) => event.stream === stream);
    },
    head: () => Promise.resolve(read().at(-1)?.position ?? startOfLog),
    distance: (from, to) => read().filter(({ position }) => position > from && position <= to).length,
  };
}
