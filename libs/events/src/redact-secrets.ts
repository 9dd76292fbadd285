import type { DomainEvent } from "@mailfold/kernel";
import type { EventCatalogue } from "./catalogue/catalogue.ts";
import { eventCatalogue } from "./catalogue/catalogue.ts";
import { isSealed } from "./sealed-fields.ts";
import { UndecodableEvent } from "./undecodable-event.ts";

/** What stands where a secret was. */
export const redactedText = "[secret]";

/**
 * The event as feed, audit, logs and GraphQL may show it: fields marked secret, and anything else that is still sealed
 * (say, in an event newer than this code), read `[secret]`. One that cannot be decoded shows no field.
 */
export function redactSecrets<E extends DomainEvent>(event: E, catalogue: EventCatalogue = eventCatalogue): E {
  // The record shows that there was an event, and when: a feed must not end at one that cannot be read.
  if (event instanceof UndecodableEvent) return { ...(event as E), data: {} };
  const secret = catalogue[event.type]?.secret ?? [];
  const data = redactValue(event.data);
  if (typeof data !== "object" || data === null) return { ...event, data };
  const copy = { ...data } as Record<string, unknown>;
  for (const field of secret) if (field in copy) copy[field] = redactedText;
  return { ...event, data: copy };
}

function redactValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isSealed(value)) return redactedText;
  if (Array.isArray(value)) return value.map(redactValue);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redactValue(inner)]));
}
