import { Worker } from "node:worker_threads";
import type { FoldSnapshot } from "./fold-snapshots.ts";
import { Projector, type ProjectorEvents } from "./projector.ts";
import type { ProjectorParts } from "./projector-parts.ts";
import { openViews } from "./views-database.ts";
import type { ProjectorMessage, ProjectorRequest, ProjectorWorkerData } from "./worker-messages.ts";

const closeTimeoutMs = 8_000;

/** A running projector, wherever it runs. */
export interface ProjectorHost {
  rebuild(name: string): Promise<void>;
  prune(): Promise<void>;
  saveSnapshot(snapshot: FoldSnapshot): void;
  close(): Promise<void>;
}

/** Runs the projector on this thread: for tests and one-shot commands. */
export async function hostHere(path: string, parts: ProjectorParts, events: ProjectorEvents): Promise<ProjectorHost> {
  const db = openViews(path, await parts.source.epoch?.());
  const projector = new Projector(db, parts, events);
  await projector.start();
  return {
    rebuild: (name) => projector.rebuild(name),
    prune: () => projector.prune(),
    saveSnapshot: (snapshot) => projector.saveSnapshot(snapshot),
    close: async () => {
      await projector.close();
      db.close();
    },
  };
}

/** Runs the projector in its own worker thread. `died` is called when the thread ends unasked. */
export async function hostInWorker(
  data: ProjectorWorkerData,
  events: ProjectorEvents & { died(error: Error): void },
): Promise<ProjectorHost> {
  const worker = new Worker(new URL("./projector-worker.ts", import.meta.url), { workerData: data });
  const ready = Promise.withResolvers<void>();
  const asked = new Map<number, PromiseWithResolvers<void>>();
  let closing = false;
  let gone: Error | undefined;
  let nextId = 1;
  const settle = (message: Extract<ProjectorMessage, { type: "reply" }>) => {
    const { id, error } = message;
    if (error === undefined) asked.get(id)?.resolve();
    else asked.get(id)?.reject(new Error(error));
    asked.delete(id);
  };
  const lost = (error: Error) => {
    gone ??= error;
    ready.reject(error);
    for (const outcome of asked.values()) outcome.reject(error);
    asked.clear();
    if (!closing) events.died(error);
    closing = true;
  };
  worker.on("message", (message: ProjectorMessage) => {
    if (message.type === "ready") ready.resolve();
    else if (message.type === "reply") settle(message);
    else if (message.type === "failed") {
      closing = true;
      ready.reject(new Error(message.error));
    } else passOn(message, events);
  });
  worker.on("error", lost);
  worker.on("exit", (code) => lost(new Error(`the projector thread ended (${code})`)));
  // An error is followed by the thread's end.
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  const ask = (request: { readonly type: "rebuild"; readonly name: string } | { readonly type: "prune" | "close" }) => {
    if (gone !== undefined) return Promise.reject(gone);
    const id = nextId;
    nextId += 1;
    const outcome = Promise.withResolvers<void>();
    asked.set(id, outcome);
    worker.postMessage({ ...request, id } satisfies ProjectorRequest);
    return outcome.promise;
  };
  await ready.promise;
  return {
    rebuild: (name) => ask({ type: "rebuild", name }),
    prune: () => ask({ type: "prune" }),
    saveSnapshot: (snapshot) => worker.postMessage({ type: "snapshot", snapshot } satisfies ProjectorRequest),
    close: async () => {
      closing = true;
      const timer = setTimeout(() => void worker.terminate(), closeTimeoutMs);
      await ask({ type: "close" }).catch(() => undefined);
      await exited;
      clearTimeout(timer);
    },
  };
}

function passOn(message: ProjectorMessage, events: ProjectorEvents): void {
  if (message.type === "advanced") events.advanced(message.changes);
  else if (message.type === "status") events.status(message.statuses);
  else if (message.type === "swapped") events.swapped(message.name);
  else if (message.type === "bodies") events.bodies(message.stream, message.refs, message.revision);
  else if (message.type === "fault") events.fault(message.text);
}
