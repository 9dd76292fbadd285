import type { EventCodec, WireEvent } from "@mailfold/events";
import type { Position, RecordedEvent } from "@mailfold/kernel";

/** An event as the client hands it over, before the codec. */
export interface RawEvent {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  /** Parsed JSON, or undefined for foreign binary events. */
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The server's clock, ms since the epoch. */
  readonly createdMs: number;
}

/** An event on its way to the server. */
export interface RawNewEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Streams in which this adapter keeps its own notes; nobody else sees them. */
export const floorStream = "platform-floor";
export const fanOutStream = "platform-fanout";

/** Server-side form of `isVisible`: a .NET and JavaScript regular expression over stream names. */
export const visibleStreamPattern = `^(?!\\$|(?:${floorStream}|${fanOutStream})$)`;

/** Whether an event belongs to the platform: neither the server's own ($...) nor this adapter's notes. */
export function isVisible(event: Pick<RawEvent, "stream" | "type">): boolean {
  return (
    !event.stream.startsWith("$") &&
    !event.type.startsWith("$") &&
    event.stream !== floorStream &&
    event.stream !== fanOutStream
  );
}

/** Unsigned 64-bit decimal text of fixed width, so that positions order as strings compare. */
function formatPosition(commit: bigint, prepare: bigint): Position {
  return `${commit.toString().padStart(20, "0")}-${prepare.toString().padStart(20, "0")}` as Position;
}

/** Refuses what this adapter never wrote by undefined. */
export function parsePosition(position: Position): { readonly commit: bigint; readonly prepare: bigint } | undefined {
  const match = /^(\d{20})-(\d{20})$/.exec(position);
  if (!match?.[1] || !match[2]) return undefined;
  return { commit: BigInt(match[1]), prepare: BigInt(match[2]) };
}

/** As parsePosition, for positions that were checked before. */
export function placeOf(position: Position): { commit: bigint; prepare: bigint } {
  const place = parsePosition(position);
  if (!place) throw new Error(`invariant broken: not a position of this log: ${position}`);
  return { ...place };
}

export function positionOf({ commit, prepare }: { readonly commit: bigint; readonly prepare: bigint }): Position {
  return formatPosition(commit, prepare);
}

/** What of the client's resolved event is used here. */
export interface ResolvedLike {
  readonly event?: {
    readonly id: string;
    readonly type: string;
    readonly streamId: string;
    readonly revision: bigint;
    readonly position?: { readonly commit: bigint; readonly prepare: bigint };
    readonly isJson: boolean;
    readonly data: unknown;
    readonly metadata?: unknown;
    readonly created: Date;
  };
}

/** Position text of events that a server before 22.6 reads without one. */
export const noPosition = "" as Position;
const unsetPosition = 0xffff_ffff_ffff_ffffn;

export function rawOf({ event }: ResolvedLike): RawEvent {
  if (!event) throw new Error("invariant broken: an event without content");
  const known = event.position !== undefined && event.position.commit !== unsetPosition;
  return {
    id: event.id,
    type: event.type,
    stream: event.streamId,
    revision: Number(event.revision),
    position: known && event.position ? positionOf(event.position) : noPosition,
    data: event.isJson ? event.data : undefined,
    metadata: isRecord(event.metadata) ? event.metadata : {},
    createdMs: event.created.getTime(),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value);
}

/** JSON stays JSON on the server, so that its own browser and projections can show events; occurredAt joins the metadata. */
export function toRawEvent(wire: WireEvent): RawNewEvent {
  const metadata = JSON.parse(wire.metadata) as Record<string, unknown>;
  return {
    id: wire.id,
    type: wire.wireType,
    data: JSON.parse(wire.data),
    metadata: { ...metadata, occurredAt: wire.occurredAt },
  };
}

export function occurredAtOf(raw: RawEvent): number {
  return typeof raw.metadata.occurredAt === "number" ? raw.metadata.occurredAt : raw.createdMs;
}

export function fromRawEvent(codec: EventCodec, raw: RawEvent): RecordedEvent {
  const { occurredAt: _, ...metadata } = raw.metadata;
  return codec.decode({
    id: raw.id,
    wireType: raw.type,
    stream: raw.stream,
    revision: raw.revision,
    position: raw.position,
    occurredAt: occurredAtOf(raw),
    data: JSON.stringify(raw.data ?? null),
    metadata: JSON.stringify("actor" in metadata ? metadata : { actor: { type: "system", id: "unknown" } }),
  });
}
