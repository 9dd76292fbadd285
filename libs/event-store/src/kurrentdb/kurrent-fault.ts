import { EventStoreFault } from "../port.ts";

/** Why a call failed. `unknown` = it may have happened or not: to be asked again with the same event ids. */
export type FailureKind = "unknown" | "deleted" | "denied" | "tooLarge" | "moved";

/** A failed call to the server, told apart by what the caller may do next. */
export class KurrentFailure extends Error {
  readonly kind: FailureKind;
  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "KurrentFailure";
    this.kind = kind;
  }
}

/** The client's error for what the server said; its classes carry the kind as text. */
function typeOf(error: unknown): string | undefined {
  return error instanceof Error && "type" in error && typeof error.type === "string" ? error.type : undefined;
}

/** Whether a read failed because there is no such stream, or none any more. */
export function isMissing(error: unknown): boolean {
  return ["stream-not-found", "stream-deleted"].includes(typeOf(error) ?? "");
}

/** Sorts a client's error; everything that is not a plain answer of the server leaves the outcome unknown. */
export function failureOf(error: unknown): KurrentFailure {
  if (error instanceof KurrentFailure) return error;
  const type = typeOf(error);
  if (type === "stream-deleted") return new KurrentFailure("deleted", "stream deleted", { cause: error });
  if (type === "access-denied") return new KurrentFailure("denied", "access denied", { cause: error });
  const message = error instanceof Error ? error.message || error.constructor.name : String(error);
  // Newer servers name the limit of a single event in words that this client does not know.
  if (type === "maximum-append-size-exceeded" || /maximum append (?:event )?size/i.test(message))
    return new KurrentFailure("tooLarge", "append too large", { cause: error });
  return new KurrentFailure("unknown", message, { cause: error });
}

/** The client's own deadline is not enough: some of its waits (connecting, discovery, streams) have none. */
export async function withDeadline<T>(call: Promise<T>, waitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new KurrentFailure("unknown", `no answer within ${waitMs} ms`)), waitMs);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An append to a stream that was removed for good: nothing can be written there any more. */
export class StreamRemovedFault extends EventStoreFault {
  readonly stream: string;
  constructor(stream: string, options?: ErrorOptions) {
    super("fatal", `stream ${stream} was removed for good`, options);
    this.name = "StreamRemovedFault";
    this.stream = stream;
  }
}

/** The port's fault for a failure that is not going to be retried here. */
export function faultOf(error: unknown, doing: string): EventStoreFault {
  if (error instanceof EventStoreFault) return error;
  if (!(error instanceof KurrentFailure)) throw error;
  if (error.kind === "denied")
    return new EventStoreFault("fatal", `KurrentDB denied access while ${doing}: check user, password and roles`, {
      cause: error,
    });
  if (error.kind === "tooLarge")
    return new EventStoreFault("fatal", `KurrentDB refused the size of the append while ${doing}`, { cause: error });
  return new EventStoreFault("unavailable", `KurrentDB did not answer while ${doing}: ${error.message}`, {
    cause: error,
  });
}
