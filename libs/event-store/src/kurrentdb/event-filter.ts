import type { EventCodec } from "@mailfold/events";
import { matchesFilter } from "../event-filter.ts";
import type { EventFilter } from "../port.ts";
import type { ServerFilter } from "./kurrent-client.ts";
import { isVisible, type RawEvent, visibleStreamPattern } from "./raw-event.ts";

/** The port's filter as this adapter applies it: coarsely on the server, exactly here. */
export interface RawFilter {
  readonly onServer: ServerFilter;
  readonly admits: (event: RawEvent) => boolean;
}

/** The server takes one kind of filter: stream names when given, else event types, else everything of the platform's. */
export function rawFilterOf(
  codec: EventCodec,
  filter: EventFilter | undefined,
  isDropped: (event: RawEvent) => boolean,
): RawFilter {
  const admits = (event: RawEvent) =>
    isVisible(event) && matchesFilter(filter, event.stream, codec.nameOf(event.type)) && !isDropped(event);
  return { onServer: serverFilterOf(codec, filter), admits };
}

function serverFilterOf(codec: EventCodec, filter: EventFilter | undefined): ServerFilter {
  if (filter?.streamPrefixes && filter.streamPrefixes.length > 0 && !filter.streamPrefixes.includes(""))
    return { by: "stream", prefixes: filter.streamPrefixes };
  const wireTypes = filter?.types && codec.wireTypes(filter.types);
  if (wireTypes && wireTypes.length > 0) return { by: "type", prefixes: wireTypes };
  return { by: "stream", regex: visibleStreamPattern };
}
