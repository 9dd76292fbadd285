// Entry of the projector's worker thread: builds source and projections from the injected module, then runs them.
import { parentPort, workerData } from "node:worker_threads";
import { Projector, type ProjectorEvents } from "./projector.ts";
import type { ProjectorModule } from "./projector-parts.ts";
import { errorText } from "./track.ts";
import { openViews } from "./views-database.ts";
import type { ProjectorMessage, ProjectorRequest, ProjectorWorkerData } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("projector-worker.ts runs as a worker thread only");
const { path, moduleUrl, config } = workerData as ProjectorWorkerData;

function send(message: ProjectorMessage): void {
  port?.postMessage(message);
}

const events: ProjectorEvents = {
  advanced: (changes) => send({ type: "advanced", changes }),
  status: (statuses) => send({ type: "status", statuses }),
  swapped: (name) => send({ type: "swapped", name }),
  bodies: (stream, refs, revision) => send({ type: "bodies", stream, refs, revision }),
  fault: (text) => send({ type: "fault", text }),
};

async function start(): Promise<{ readonly projector: Projector; readonly closeDatabase: () => void }> {
  const { createProjector } = (await import(moduleUrl)) as ProjectorModule;
  const parts = await createProjector(config);
  const db = openViews(path, await parts.source.epoch?.());
  const projector = new Projector(db, parts, events);
  await projector.start();
  return { projector, closeDatabase: () => db.close() };
}

try {
  const { projector, closeDatabase } = await start();
  const answer = async (id: number, work: Promise<void>) => {
    const error = await work.then(() => undefined, errorText);
    send(error === undefined ? { type: "reply", id } : { type: "reply", id, error });
  };
  port.on("message", (request: ProjectorRequest) => {
    if (request.type === "snapshot") {
      try {
        projector.saveSnapshot(request.snapshot);
      } catch (error) {
        send({ type: "fault", text: errorText(error) }); // It only saves time.
      }
      return;
    }
    if (request.type === "rebuild") void answer(request.id, projector.rebuild(request.name));
    else if (request.type === "prune") void answer(request.id, projector.prune());
    else
      void answer(
        request.id,
        projector.close().then(() => {
          closeDatabase();
          port.close();
        }),
      );
  });
  send({ type: "ready" });
} catch (error) {
  send({ type: "failed", error: errorText(error) });
  port.close();
}
