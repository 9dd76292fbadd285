import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { type ArcSealing, type ArcSealRequest, sealArc } from "./arc-seal.ts";
import type { MessageAuthResult } from "./auth-result.ts";
import { type AuthenticateRequest, authenticateMessage, exhaustedResult } from "./authenticate-message.ts";
import { type AuthQuestion, type AuthResolver, askResolver } from "./resolver-port.ts";

/** Authenticates messages in threads that are killed when one takes longer than its deadline. */
export interface MailAuthPool {
  /** Never throws for what a message or DNS does: over the budget everything is `temperror`. */
  authenticate(request: AuthenticateRequest): Promise<MessageAuthResult>;
  /** As sealArc; a seal that takes longer than its deadline is refused as `over-budget`. */
  seal(request: ArcSealRequest & { readonly deadlineMs: number }): Promise<ArcSealing>;
  close(): Promise<void>;
}

/** Up to this size the thread hop costs more than the work. */
const inlineBytesMax = 16_384;
/** Time for a worker to hand in what it knows when its DNS deadline has passed, before it is killed. */
const killGraceMs = 250;

/** `threads`: most workers at once; `queueMax`: most messages waiting for one, beyond which the answer is `temperror`. */
export function createMailAuthPool(options: { readonly threads: number; readonly queueMax?: number }): MailAuthPool {
  const pool = new Piscina({
    filename: new URL("./auth-worker.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: options.threads,
    concurrentTasksPerWorker: 1,
    idleTimeout: 30_000,
    maxQueue: options.queueMax ?? 256,
    resourceLimits: { maxOldGenerationSizeMb: 512, stackSizeMb: 4 },
  });
  const inWorker = async ({ resolver, ...input }: AuthenticateRequest): Promise<MessageAuthResult> => {
    const { port1, port2 } = new MessageChannel();
    serveDns(port1, resolver);
    const budget = new AbortController();
    const timer = setTimeout(() => budget.abort(), input.deadlineMs + killGraceMs);
    try {
      const task = { input: { ...input, message: standalone(input.message) }, dns: port2 };
      return await pool.run(task, { name: "authenticate", signal: budget.signal, transferList: [port2] });
    } catch (cause) {
      if (!isBudgetFault(cause)) throw cause;
      return exhaustedResult(input, "verification exceeded its budget");
    } finally {
      clearTimeout(timer);
      port1.close();
    }
  };
  const sealInWorker = async ({ deadlineMs, ...input }: ArcSealRequest & { readonly deadlineMs: number }) => {
    const budget = new AbortController();
    const timer = setTimeout(() => budget.abort(), deadlineMs);
    try {
      const task = { ...input, message: standalone(input.message) };
      return (await pool.run(task, { name: "seal", signal: budget.signal })) as ArcSealing;
    } catch (cause) {
      if (!isBudgetFault(cause)) throw cause;
      return { status: "refused", code: "over-budget", detail: "sealing exceeded its budget" } as const;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    authenticate: (request) =>
      request.message.byteLength <= inlineBytesMax ? authenticateMessage(request) : inWorker(request),
    seal: (request) => (request.message.byteLength <= inlineBytesMax ? sealArc(request) : sealInWorker(request)),
    close: () => pool.close({ force: true }),
  };
}

/** Puts a worker's questions to the resolver. They are bounded in number by the worker's own cap. */
function serveDns(port: MessagePort, resolver: AuthResolver): void {
  port.on("message", ({ id, question }: { readonly id: number; readonly question: AuthQuestion }) => {
    askResolver(resolver, question)
      .catch((error: unknown) => ({ status: "failed", cause: String(error) }))
      .then((answer) => port.postMessage({ id, answer }));
  });
}

/** Posting a view copies all of the memory behind it: a small view of much memory is copied by itself first. */
function standalone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes;
}

/** Aborted, refused by the full queue, or a worker that died of its memory limit. */
function isBudgetFault(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { readonly code?: unknown }).code;
  return cause.name === "AbortError" || code === "ERR_WORKER_OUT_OF_MEMORY" || /queue/i.test(cause.message);
}
