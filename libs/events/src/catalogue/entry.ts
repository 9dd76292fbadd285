import type { DomainEvent } from "@mailfold/kernel";
import type { z } from "zod";
import type { LifeClass, StreamCategory } from "../streams.ts";
import { categories } from "../streams.ts";

/** Data of an event version that is no longer written, and the pure step to the version after it. */
export interface OlderVersion {
  readonly version: number;
  /** Fields that were sealed in this version. */
  readonly personal: readonly string[];
  /** Pure: the same data always becomes the same data. A personal field may be null (its key was erased). */
  upcast(data: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

/** What the catalogue knows of one event: the only place that knows of versions. */
export interface EventEntry {
  readonly name: string;
  /** Newest version, the one that is written. */
  readonly version: number;
  /** One sentence for docs/reference/events.md. */
  readonly meaning: string;
  /** Stream categories that may hold it; all of one class of life. */
  readonly categories: readonly StreamCategory[];
  readonly lifeClass: LifeClass;
  readonly schema: z.ZodType;
  /** Top-level fields sealed at rest when the class is `record`. */
  readonly personal: readonly string[];
  /** Top-level fields that hold a Sealed object and are shown to nobody. */
  readonly secret: readonly string[];
  /** Oldest first, from version 1 to version - 1. */
  readonly older: readonly OlderVersion[];
  /** Oldest reader generation that may apply it; 1 = any. */
  readonly minReader: number;
}

/** What an entry says beyond its defaults. */
export interface EventDefinition<E extends DomainEvent> {
  readonly name: E["type"];
  readonly meaning: string;
  readonly categories: readonly [StreamCategory, ...StreamCategory[]];
  readonly schema: z.ZodType<E["data"]>;
  readonly personal?: readonly (keyof E["data"] & string)[];
  readonly secret?: readonly (keyof E["data"] & string)[];
  readonly older?: readonly OlderVersion[];
  readonly minReader?: number;
}

/** Makes an entry; throws when its versions have a gap or its categories differ in class (bugs, found at import). */
export function defineEvent<E extends DomainEvent>(definition: EventDefinition<E>): EventEntry {
  const older = definition.older ?? [];
  const lifeClass = categories[definition.categories[0]];
  if (definition.categories.some((category) => categories[category] !== lifeClass)) {
    throw new Error(`${definition.name}: its categories are of different classes of life`);
  }
  if (older.some((step, index) => step.version !== index + 1)) {
    throw new Error(`${definition.name}: older versions must be 1, 2, ... in order`);
  }
  return {
    name: definition.name,
    version: older.length + 1,
    meaning: definition.meaning,
    categories: definition.categories,
    lifeClass,
    schema: definition.schema,
    personal: definition.personal ?? [],
    secret: definition.secret ?? [],
    older,
    minReader: definition.minReader ?? 1,
  };
}
