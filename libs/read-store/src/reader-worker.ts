// Entry of the reader's worker thread: heavy selects and hashes, off the threads that serve protocols.
import { parentPort, workerData } from "node:worker_threads";
import { SqlReader } from "./sql-reader.ts";
import type { ReaderMessage, ReaderRequest } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("reader-worker.ts runs as a worker thread only");
const reader = new SqlReader((workerData as { readonly path: string }).path);

function answer(request: ReaderRequest): ReaderMessage {
  const { id } = request;
  try {
    if (request.type === "hash") return { id, hash: reader.hash(request.projection) };
    // Plain objects: rows of node:sqlite have no prototype, which structured clone loses anyway.
    return { id, rows: reader.select(request.projection, request.table, request.query) };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    return { id, error: message, name };
  }
}

port.on("message", (request: ReaderRequest | "close") => {
  if (request === "close") {
    reader.close();
    port.close();
    return;
  }
  port.postMessage(answer(request));
});
