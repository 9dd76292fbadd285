import type { WireEvent } from "@mailfold/events";
import type { EventStoreFault } from "../port.ts";
import type { Shelf } from "./log-schema.ts";
import type { WriterAppend, WriterOutcome, WriterRequest } from "./writer-request.ts";

/** One batch on its way to the writer: requests flattened into one array, and their bytes in one transferred buffer. */
export interface BatchMessage {
  readonly kind: "batch";
  readonly items: readonly (string | number)[];
  readonly bytes: ArrayBuffer | undefined;
}
export interface TaskMessage {
  readonly kind: "task";
  readonly ticket: number;
  readonly name: string;
  readonly argument: unknown;
}
export type ToWriter = BatchMessage | TaskMessage | { readonly kind: "close" };

/** Faults cross threads as data. */
export interface FaultData {
  readonly kind: EventStoreFault["kind"];
  readonly message: string;
}
export interface OutcomesMessage {
  readonly kind: "outcomes";
  readonly head: number;
  /** Flattened: ticket, code, position or index or fault number, count of revisions (or actual), revisions. */
  readonly numbers: readonly number[];
  readonly faults: readonly FaultData[];
  /** Extension results by ticket. */
  readonly results: readonly (readonly [ticket: number, result: string])[];
}
export type FromWriter =
  | { readonly kind: "ready"; readonly head: number; readonly epoch: string }
  | { readonly kind: "refused"; readonly fault: FaultData }
  | OutcomesMessage
  | { readonly kind: "taskDone"; readonly ticket: number; readonly answer: unknown; readonly head: number }
  | { readonly kind: "taskFailed"; readonly ticket: number; readonly fault: FaultData }
  | { readonly kind: "closed" };

const codeWritten = 0;
const codeReplayed = 1;
const codeConflict = 2;
const codeFailed = 3;

/** An append in wire form, before it is flattened. */
export interface OutgoingAppend {
  readonly shelf: Shelf;
  readonly stream: string;
  readonly expected: number;
  readonly events: readonly WireEvent[];
}

/** Adds one request to a batch's items. */
export function packRequest(
  items: (string | number)[],
  request: {
    readonly ticket: number;
    readonly appends: readonly OutgoingAppend[];
    readonly payload: string;
    readonly bytesLength: number;
  },
): void {
  items.push(request.ticket, request.appends.length, request.payload, request.bytesLength);
  for (const { shelf, stream, expected, events } of request.appends) {
    items.push(shelf, stream, expected, events.length);
    for (const event of events) items.push(event.id, event.wireType, event.occurredAt, event.data, event.metadata);
  }
}

/** A request as unpacked in the writer, with the ticket that its answer carries. */
export interface TicketedRequest extends WriterRequest {
  readonly ticket: number;
}

/** Reads a batch's items back. */
export function unpackRequests(message: BatchMessage): TicketedRequest[] {
  const { items } = message;
  const requests: TicketedRequest[] = [];
  let at = 0;
  let byte = 0;
  const text = (): string => items[at++] as string;
  const number = (): number => items[at++] as number;
  while (at < items.length) {
    const ticket = number();
    const appendCount = number();
    const payload = text();
    const bytesLength = number();
    const bytes =
      message.bytes === undefined || bytesLength === 0 ? undefined : new Uint8Array(message.bytes, byte, bytesLength);
    byte += bytesLength;
    const appends: WriterAppend[] = [];
    for (let index = 0; index < appendCount; index += 1) {
      const shelf = text() as Shelf;
      const stream = text();
      const expected = number();
      const eventCount = number();
      const events = [];
      for (let nth = 0; nth < eventCount; nth += 1) {
        events.push({ id: text(), wireType: text(), at: number(), data: text(), metadata: text() });
      }
      appends.push({ shelf, stream, expected, events });
    }
    requests.push({ ticket, appends, payload, bytes });
  }
  return requests;
}

/** Flattens a batch's outcomes into one message. */
export function packOutcomes(
  head: number,
  requests: readonly TicketedRequest[],
  outcomes: readonly WriterOutcome[],
): OutcomesMessage {
  const numbers: number[] = [];
  const faults: FaultData[] = [];
  const results: [number, string][] = [];
  for (const [index, { ticket }] of requests.entries()) {
    const outcome = outcomes[index];
    switch (outcome?.kind) {
      case "written":
        numbers.push(ticket, outcome.replayed ? codeReplayed : codeWritten, outcome.position);
        numbers.push(outcome.revisions.length, ...outcome.revisions);
        if (outcome.result !== undefined) results.push([ticket, outcome.result]);
        break;
      case "conflict":
        numbers.push(ticket, codeConflict, outcome.index, outcome.actual);
        break;
      case "failed":
        numbers.push(ticket, codeFailed, faults.length, 0);
        faults.push({ kind: outcome.fault.kind, message: outcome.fault.message });
        break;
      default:
        throw new Error(`invariant broken: request ${ticket} has no outcome`);
    }
  }
  return { kind: "outcomes", head, numbers, faults, results };
}

/** What became of one request, as the caller's side reads it. */
export type Answer =
  | {
      readonly kind: "written";
      readonly position: number;
      readonly revisions: readonly number[];
      readonly replayed: boolean;
      readonly result: string | undefined;
    }
  | { readonly kind: "conflict"; readonly index: number; readonly actual: number }
  | { readonly kind: "failed"; readonly fault: FaultData };

/** Reads outcomes back, ticket by ticket. */
export function* unpackOutcomes(message: OutcomesMessage): Generator<readonly [ticket: number, answer: Answer]> {
  const { numbers } = message;
  const results = new Map(message.results);
  let at = 0;
  const next = (): number => numbers[at++] as number;
  while (at < numbers.length) {
    const ticket = next();
    const code = next();
    const first = next();
    const second = next();
    if (code === codeConflict) {
      yield [ticket, { kind: "conflict", index: first, actual: second }];
    } else if (code === codeFailed) {
      yield [ticket, { kind: "failed", fault: message.faults[first] ?? { kind: "fatal", message: "unknown fault" } }];
    } else {
      const revisions = numbers.slice(at, at + second);
      at += second;
      const replayed = code === codeReplayed;
      yield [ticket, { kind: "written", position: first, revisions, replayed, result: results.get(ticket) }];
    }
  }
}
