import type { EventCodec } from "../../../libs/events/src/index.ts";

/** JSON as it is, every event at version 1: for tests of stores, which must not care. */
export const plainCodec: EventCodec = {
  encode: (_stream, event) => ({
    id: event.id,
    wireType: `${event.type}.v1`,
    occurredAt: event.occurredAt,
    data: JSON.stringify(event.data),
    metadata: JSON.stringify(event.metadata),
  }),
  decode: (stored) => ({
    id: stored.id,
    type: nameOf(stored.wireType),
    stream: stored.stream,
    revision: stored.revision,
    position: stored.position,
    occurredAt: stored.occurredAt,
    data: JSON.parse(stored.data),
    metadata: JSON.parse(stored.metadata),
  }),
  wireTypes: (types) => types.map((type) => `${type}.v1`),
  nameOf,
};

function nameOf(wireType: string): string {
  return wireType.replace(/\.v\d+$/, "");
}
