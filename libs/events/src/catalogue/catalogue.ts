import type {
  AddressEvent,
  ListingEvent,
  MailboxEvent,
  MailDomainEvent,
  PardonEvent,
  PlatformEvent,
  PolicyEvent,
  ResellerEvent,
  SenderEntryEvent,
  ShadowEvent,
  TenantEvent,
  TokenEvent,
} from "@mailfold/domain";
import type { MailEvent } from "../mail-events.ts";
import type { MessageMarked } from "../mark-events.ts";
import type { ReputationEvent } from "../reputation-events.ts";
import type { TrafficEvent } from "../traffic-events.ts";
import type { EventEntry } from "./entry.ts";
import { mailEvents } from "./mail-events.ts";
import { markEvents } from "./mark-events.ts";
import { recordEvents } from "./record-events.ts";
import { reputationEvents } from "./reputation-events.ts";
import { shadowEvents } from "./shadow-events.ts";
import { trafficEvents } from "./traffic-events.ts";

/** Every event that Mailfold writes. */
export type MailfoldEvent =
  | PlatformEvent
  | ResellerEvent
  | TenantEvent
  | MailDomainEvent
  | MailboxEvent
  | AddressEvent
  | PolicyEvent
  | SenderEntryEvent
  | TokenEvent
  | MailEvent
  | TrafficEvent
  | MessageMarked
  | ListingEvent
  | PardonEvent
  | ShadowEvent
  | ReputationEvent;

/** Entries by event name. */
export type EventCatalogue = Readonly<Record<string, EventEntry>>;

/**
 * The newest generation of events that this code can apply. Raise it with an event that old code must not skip, and
 * give that event's entry the new number as minReader.
 */
export const readerGeneration = 2;

/** The catalogue: the type checker demands an entry for every event. */
export const eventCatalogue: Readonly<Record<MailfoldEvent["type"], EventEntry>> = {
  ...recordEvents,
  ...mailEvents,
  ...trafficEvents,
  ...markEvents,
  ...reputationEvents,
  ...shadowEvents,
};
