import type { EventFilter } from "@mailfold/event-store";
import { categories, eventCatalogue, type LifeClass } from "@mailfold/events";
import { type RecordedEvent, streamCategory } from "@mailfold/kernel";
import { type Caller, mayReach } from "../caller.ts";
import { outcomeOf } from "./event-outcome.ts";
import type { FeedWhere } from "./feed-protocol.ts";

// Mailbox content and the cluster's intake are in nobody's feed.
const hiddenCategories: ReadonlySet<string> = new Set(["mail", "intake"]);
const shownCategories = Object.keys(categories).filter((category) => !hiddenCategories.has(category));

/** What a store must read for a subscription: never mail or intake. */
export function feedFilter(where: FeedWhere): EventFilter {
  const streamPrefixes = shownCategories.map((category) => `${category}-`);
  if (where.types === undefined) return { streamPrefixes };
  // A type nobody has heard of matches nothing; the store's filter only takes catalogued ones.
  const types = where.types.filter((type) => Object.hasOwn(eventCatalogue, type));
  return { streamPrefixes, types: types.length > 0 ? types : ["LogCreated"] };
}

/** Classes of life that a subscription could show: the floors that its position must not be below. */
export function classesAdmitted(where: FeedWhere): readonly LifeClass[] {
  const classes = new Set<LifeClass>();
  for (const [name, entry] of Object.entries(eventCatalogue)) {
    if (entry.lifeClass === "mail") continue;
    if (where.types === undefined || where.types.includes(name)) classes.add(entry.lifeClass);
  }
  return [...classes];
}

/** Whether this caller may see the event and asked for it. Rights come first, and for every event anew. */
export function admits(caller: Caller, where: FeedWhere, event: RecordedEvent): boolean {
  if (hiddenCategories.has(streamCategory(event.stream))) return false;
  if (!mayReach(caller, event.metadata)) return false;
  if (where.types !== undefined && !where.types.includes(event.type)) return false;
  if (where.tenant !== undefined && event.metadata.tenantId !== where.tenant) return false;
  if (where.actor !== undefined && event.metadata.actor.id !== where.actor) return false;
  return where.outcome === undefined || outcomeOf(event).result === where.outcome;
}
