import type { EventMetadata, NewEvent, RecordedEvent, Sealer } from "@mailfold/kernel";
import { streamCategory } from "@mailfold/kernel";
import type { EventCatalogue } from "./catalogue/catalogue.ts";
import { eventCatalogue } from "./catalogue/catalogue.ts";
import type { EventEntry, OlderVersion } from "./catalogue/entry.ts";
import type { EventCodec, StoredEvent, WireEvent } from "./codec.ts";
import { schemaPredicate } from "./schema-predicate.ts";
import { openFields, openMetadata, sealFields, sealMetadata } from "./sealed-fields.ts";
import { isKeyStoreFault, UndecodableEvent } from "./undecodable-event.ts";

/** An event that does not match the catalogue: a bug of ours. The message names fields, never values. */
export class EventSchemaError extends Error {
  override readonly name = "EventSchemaError";
}

/** How to read one wire type. */
interface Reading {
  readonly entry: EventEntry;
  /** Fields sealed in this version. */
  readonly personal: readonly string[];
  /** Steps to the newest version. */
  readonly steps: readonly OlderVersion[];
}

/** How to write one event. */
interface Writing {
  readonly entry: EventEntry;
  readonly wireType: string;
  /** Whether data surely matches the schema. */
  readonly accepts: (data: unknown) => boolean;
}

/** The codec over a catalogue; the synthetic catalogues of tests are the only other ones. */
export function createEventCodec(sealer: Sealer, catalogue: EventCatalogue = eventCatalogue): EventCodec {
  const entries = new Map(Object.entries(catalogue));
  const writings = new Map<string, Writing>();
  const readMetadata = createMetadataReader(sealer);
  const readings = new Map<string, Reading>();
  for (const entry of entries.values()) {
    const wireType = wireTypeOf(entry.name, entry.version);
    writings.set(entry.name, { entry, wireType, accepts: schemaPredicate(entry.schema) });
    for (const [index, step] of entry.older.entries()) {
      readings.set(wireTypeOf(entry.name, step.version), {
        entry,
        personal: step.personal,
        steps: entry.older.slice(index),
      });
    }
    readings.set(wireType, { entry, personal: entry.personal, steps: [] });
  }

  return {
    encode(stream, event) {
      const writing = writings.get(event.type);
      if (writing === undefined) throw new EventSchemaError(`${event.type} is not in the catalogue`);
      checkEvent(writing, stream, event);
      return encodeEvent(sealer, writing, event);
    },
    decode(stored) {
      const reading = readings.get(stored.wireType);
      const type = reading === undefined ? unknownType(entries, stored.wireType) : reading.entry.name;
      let metadata = unreadMetadata;
      try {
        metadata = readMetadata(stored.metadata);
        const data = reading === undefined ? JSON.parse(stored.data) : readData(sealer, reading, stored);
        return toRecorded(stored, type, { data, metadata });
      } catch (error) {
        if (isKeyStoreFault(error)) throw error;
        return new UndecodableEvent(stored, { type, metadata }, error);
      }
    },
    wireTypes(types) {
      return types.flatMap((type) => {
        const entry = entries.get(type);
        if (entry === undefined) throw new EventSchemaError(`${type} is not in the catalogue`);
        return Array.from({ length: entry.version }, (_, index) => wireTypeOf(type, index + 1));
      });
    },
    nameOf: bareName,
  };
}

const unreadMetadata: EventMetadata = Object.freeze({ actor: Object.freeze({ type: "system", id: "unknown" }) });

/** `TenantCreated.v2` of a name and a version. */
export function wireTypeOf(name: string, version: number): string {
  return `${name}.v${version}`;
}

function bareName(wireType: string): string {
  const dot = wireType.lastIndexOf(".v");
  return dot < 0 ? wireType : wireType.slice(0, dot);
}

// A newer version of a known name keeps its wire name: folds match bare names and must not read a shape they don't know.
function unknownType(entries: ReadonlyMap<string, EventEntry>, wireType: string): string {
  const name = bareName(wireType);
  return entries.has(name) ? wireType : name;
}

function refuseUnlessZodAccepts(entry: EventEntry, data: unknown): void {
  const result = entry.schema.safeParse(data);
  if (result.success) return;
  const issues = result.error.issues.map((issue) => `${issue.path.join(".") || "data"}: ${issue.code}`);
  throw new EventSchemaError(`${entry.name} does not match its schema: ${issues.join(", ")}`);
}

function checkEvent({ entry, accepts }: Writing, stream: string, event: NewEvent): void {
  const category = streamCategory(stream);
  if (!(entry.categories as readonly string[]).includes(category)) {
    throw new EventSchemaError(`${entry.name} may not stand in a ${category} stream`);
  }
  if (!accepts(event.data)) refuseUnlessZodAccepts(entry, event.data);
  const { actor } = event.metadata;
  if (typeof actor?.type !== "string" || typeof actor.id !== "string") {
    throw new EventSchemaError(`${entry.name} says no actor`);
  }
  if (!Number.isSafeInteger(event.occurredAt)) throw new EventSchemaError(`${entry.name}: occurredAt is not in ms`);
}

function encodeEvent(sealer: Sealer, { entry, wireType }: Writing, event: NewEvent): WireEvent {
  let data = event.data;
  let metadata: unknown = event.metadata;
  if (entry.minReader > 1) metadata = { ...event.metadata, minReader: entry.minReader };
  if (entry.lifeClass === "record") {
    const scope = event.metadata.tenantId ?? "platform";
    data = sealFields(sealer, scope, entry.personal, data as Record<string, unknown>);
    metadata = sealMetadata(sealer, scope, metadata as EventMetadata);
  }
  return {
    id: event.id,
    wireType,
    occurredAt: event.occurredAt,
    data: JSON.stringify(data),
    metadata: metadataText(metadata as object),
  };
}

// Events of one transaction share the object, and nothing changes metadata once it is made: written once, side by side.
let lastMetadata: object | undefined;
let lastMetadataText = "";

function metadataText(metadata: object): string {
  if (metadata !== lastMetadata) {
    lastMetadataText = JSON.stringify(metadata);
    lastMetadata = metadata;
  }
  return lastMetadataText;
}

function readData(sealer: Sealer, reading: Reading, stored: StoredEvent): unknown {
  let data = JSON.parse(stored.data);
  if (reading.personal.length > 0 && reading.entry.lifeClass === "record") {
    openFields(sealer, reading.personal, data);
  }
  for (const step of reading.steps) data = step.upcast(data);
  return data;
}

// Events of one transaction or one command lie side by side and say the same of themselves: parsed once, shared, frozen.
function createMetadataReader(sealer: Sealer): (text: string) => EventMetadata {
  let lastText = "";
  let last: EventMetadata | undefined;
  return (text) => {
    if (last !== undefined && text === lastText) return last;
    const metadata = JSON.parse(text);
    if (typeof metadata?.actor !== "object" || metadata.actor === null) throw new Error("its metadata names no actor");
    if (text.includes('"ciphertext"')) {
      // Not kept: what was opened must not outlive its key.
      openMetadata(sealer, metadata);
      return metadata;
    }
    lastText = text;
    last = Object.freeze(metadata) as EventMetadata;
    return last;
  };
}

function toRecorded(
  stored: StoredEvent,
  type: string,
  body: { data: unknown; metadata: EventMetadata },
): RecordedEvent {
  return {
    id: stored.id,
    type,
    stream: stored.stream,
    revision: stored.revision,
    position: stored.position,
    occurredAt: stored.occurredAt,
    data: body.data,
    metadata: body.metadata,
  };
}
