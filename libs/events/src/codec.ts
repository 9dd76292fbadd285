import type { NewEvent, Position, RecordedEvent } from "@mailfold/kernel";

/** What a store keeps of an event: wire name with version, and JSON text. */
export interface WireEvent {
  readonly id: string;
  /** e.g. `TenantSuspended.v1` */
  readonly wireType: string;
  readonly occurredAt: number;
  /** JSON text; personal fields of record events are sealed in it. */
  readonly data: string;
  /** JSON text of EventMetadata. */
  readonly metadata: string;
}

export interface StoredEvent extends WireEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
}

/**
 * Between code and wire. encode validates against the catalogue's schema and throws on a mismatch (a bug of ours).
 * decode upcasts to the newest shape and opens personal fields (an erased key leaves `null`); it does not validate, for
 * speed. Content that cannot be read comes as an UndecodableEvent: poison for those whom it concerns, not for every
 * reader of the log; only keys that cannot be read now are thrown. An unknown type decodes to its bare name with data as
 * parsed, so that projections may skip and count it.
 */
export interface EventCodec {
  encode(stream: string, event: NewEvent): WireEvent;
  decode(stored: StoredEvent): RecordedEvent;
  /** All wire types (every version) of the given event names: what a store filters by before parsing. */
  wireTypes(types: readonly string[]): readonly string[];
  /** `TenantCreated` of `TenantCreated.v2`. */
  nameOf(wireType: string): string;
}
