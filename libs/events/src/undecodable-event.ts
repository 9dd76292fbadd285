import type { EventMetadata, Position, RecordedEvent } from "@mailfold/kernel";
import type { StoredEvent } from "./codec.ts";

/** Why a stored event has no data to show. The message names the event, never its values. */
export class EventDecodeError extends Error {
  override readonly name = "EventDecodeError";
}

/**
 * A stored event whose content cannot be read (not JSON, an upcaster that failed, a damaged seal). It takes its place in
 * the log like any other, so that readers pass it whom it does not concern; whoever needs its data is thrown the fault.
 */
export class UndecodableEvent implements RecordedEvent {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  readonly occurredAt: number;
  readonly metadata: EventMetadata;
  readonly #fault: EventDecodeError;

  constructor(stored: StoredEvent, known: { readonly type: string; readonly metadata: EventMetadata }, cause: unknown) {
    this.id = stored.id;
    this.type = known.type;
    this.stream = stored.stream;
    this.revision = stored.revision;
    this.position = stored.position;
    this.occurredAt = stored.occurredAt;
    this.metadata = known.metadata;
    const place = `${stored.wireType} ${stored.id} at revision ${stored.revision} of ${stored.stream}`;
    this.#fault = new EventDecodeError(`${place} cannot be decoded: ${reasonOf(cause)}`, { cause });
  }

  get fault(): EventDecodeError {
    return this.#fault;
  }

  /** Throws why there is none. */
  get data(): never {
    throw this.#fault;
  }
}

/** Throws an undecodable event's fault; for handlers that might not look at the data. */
export function refuseUndecodable(event: RecordedEvent): void {
  if (event instanceof UndecodableEvent) throw event.fault;
}

/** JSON's own messages quote the text, which may be personal. */
function reasonOf(cause: unknown): string {
  if (cause instanceof SyntaxError) return "it is not JSON";
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}

/** Whether an error is about keys or files that cannot be read now: to be retried, and no event's fault. */
export function isKeyStoreFault(error: unknown): boolean {
  return error instanceof Error && (error.name === "KeysFault" || "syscall" in error);
}
