import { createHash } from "node:crypto";
import type { Append } from "@mailfold/event-store";
import { type BodyRef, type MessageAccepted, streams } from "@mailfold/events";
import type { EventMetadata, MessageId, NewEvent, RecordedEvent } from "@mailfold/kernel";
import { streamKey } from "@mailfold/kernel";

/** A transaction as one node accepts it and the fan-out spreads it. */
export interface Intake {
  readonly transactionId: string;
  readonly appends: readonly Append[];
  readonly bodies: readonly BodyRef[];
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
}

/** Octets of one intake event; servers take 1 MiB in an append by default. */
const partBytesMax = 700_000;

type AcceptedAppend = MessageAccepted["data"]["appends"][number];

/**
 * The appends that put a transaction on record, in this order. Usually one; a transaction too large for the server goes
 * in parts, `intake-<id>.1` and on, which mean nothing until `intake-<id>` itself is written: that one accepts. Ids derive
 * from the transaction, so that a repeated commit is recognised.
 */
export function intakeAppends(intake: Intake): readonly Append[] {
  const parts = splitAppends(intake.appends);
  const main = streams.intake(intake.transactionId as MessageId);
  const appends: Append[] = [];
  let causationId: string | undefined;
  for (const [index, part] of parts.slice(1).entries()) {
    const event = acceptedEvent({ ...intake, bodies: [] }, part, { index: index + 1 });
    appends.push({ stream: `${main}.${index + 1}`, expected: "none", events: [event] });
    causationId = event.id;
  }
  const event = acceptedEvent(intake, parts[0] ?? [], { index: 0, causationId });
  return [...appends, { stream: main, expected: "none", events: [event] }];
}

/** Whether an intake stream holds a part, to be read only when its transaction is accepted. */
export function isPart(stream: string): boolean {
  return streamKey(stream).includes(".");
}

/** `intake-<id>.<n>`, n from 1. */
export function partStream(main: string, index: number): string {
  return `${main}.${index}`;
}

/** The appends that an accepted event carries, ready to be made. */
export function appendsOf(event: RecordedEvent<MessageAccepted>): readonly Append[] {
  return event.data.appends.map(({ stream, events }) => ({
    stream,
    expected: "any",
    events: events.map((one): NewEvent => ({ ...one, metadata: one.metadata as EventMetadata })),
  }));
}

/** Which bodies an append's events name. */
export function bodiesNamed(append: Append, bodies: readonly BodyRef[]): readonly BodyRef[] {
  const named = new Set(append.events.map(({ data }) => (data as { body?: BodyRef } | null)?.body?.sha256));
  return bodies.filter(({ sha256 }) => named.has(sha256));
}

/** Octets of an append as an intake event would carry it. */
function appendBytes(append: Append): number {
  return Buffer.byteLength(JSON.stringify(append));
}

export function needsParts(append: Append): boolean {
  return appendBytes(append) > partBytesMax;
}

function splitAppends(appends: readonly Append[]): readonly (readonly AcceptedAppend[])[] {
  const parts: AcceptedAppend[][] = [[]];
  let sizeBytes = 0;
  for (const { stream, events } of appends) {
    for (const event of events) {
      const eventBytes = Buffer.byteLength(JSON.stringify(event)) + stream.length + 64;
      if (sizeBytes > 0 && sizeBytes + eventBytes > partBytesMax) {
        parts.push([]);
        sizeBytes = 0;
      }
      sizeBytes += eventBytes;
      addTo(parts.at(-1) ?? [], stream, event);
    }
  }
  return parts;
}

function addTo(part: AcceptedAppend[], stream: string, { id, type, data, metadata, occurredAt }: NewEvent): void {
  const event = { id, type, data, metadata, occurredAt };
  const last = part.at(-1);
  if (last?.stream === stream) part[part.length - 1] = { stream, events: [...last.events, event] };
  else part.push({ stream, events: [event] });
}

function acceptedEvent(
  intake: Intake,
  appends: readonly AcceptedAppend[],
  place: { readonly index: number; readonly causationId?: string | undefined },
): NewEvent<MessageAccepted> {
  const { transactionId, bodies, acceptedAt } = intake;
  return {
    id: derivedUuid(transactionId, place.index),
    type: "MessageAccepted",
    data: { transactionId: transactionId as MessageId, appends, bodies },
    metadata: {
      actor: { type: "system", id: "journal" },
      correlationId: transactionId,
      ...(place.causationId === undefined ? {} : { causationId: place.causationId }),
    },
    occurredAt: acceptedAt,
  };
}

/** RFC 9562 5.8 (version 8): from the transaction and the part. */
function derivedUuid(transactionId: string, index: number): string {
  const octets = createHash("sha256").update(`mailfold intake\0${transactionId}\0${index}`).digest().subarray(0, 16);
  octets[6] = ((octets[6] ?? 0) & 0x0f) | 0x80;
  octets[8] = ((octets[8] ?? 0) & 0x3f) | 0x80;
  const hex = octets.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
