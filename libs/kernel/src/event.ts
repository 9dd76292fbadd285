import type { ResellerId, TenantId } from "./ids.ts";
import type { Position } from "./position.ts";

/** Who caused an event. `system` = Mailfold itself (bounce maker, learner); `mailbox` = a mail client. */
export interface Actor {
  readonly type: "platform" | "reseller" | "tenant" | "mailbox" | "peer" | "system";
  /** Token id, mailbox id, IP address or component name. */
  readonly id: string;
  readonly name?: string;
  readonly onBehalfOf?: string;
  readonly auth?: { readonly method: string; readonly tokenId?: string };
}

/** Where a command came from. */
export interface EventContext {
  readonly ip?: string;
  readonly protocol?: string;
  readonly sessionId?: string;
  readonly requestId?: string;
}

/** What every event says about itself beside its data. Absent tenantId = the platform's own. */
export interface EventMetadata {
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
  readonly actor: Actor;
  readonly commandId?: string;
  /** Keyed hash of the command's non-secret input: the same commandId with another input is refused. */
  readonly inputHash?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  /** Id of the event that this one takes back. */
  readonly undoes?: string;
  /** Oldest reader generation that may apply this event; see libs/events readerGeneration. */
  readonly minReader?: number;
  readonly context?: EventContext;
}

/** A domain event before it has a place: a name, past tense, subject first, and its data. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly data: Data;
}

/** An event ready to be appended. `id` is a UUID; a retried append uses the same ids. */
export interface NewEvent<E extends DomainEvent = DomainEvent> {
  readonly id: string;
  readonly type: E["type"];
  readonly data: E["data"];
  readonly metadata: EventMetadata;
  /** Milliseconds since the epoch. */
  readonly occurredAt: number;
}

/** An event as read back: the envelope of architecture.md 4. */
export interface RecordedEvent<E extends DomainEvent = DomainEvent> {
  readonly id: string;
  readonly type: E["type"];
  readonly stream: string;
  /** 0 for the first event of its stream. */
  readonly revision: number;
  readonly position: Position;
  readonly occurredAt: number;
  readonly data: E["data"];
  readonly metadata: EventMetadata;
}

/** `mail` of `mail-mbx_01...`: the text before the first dash. */
export function streamCategory(stream: string): string {
  const dash = stream.indexOf("-");
  return dash < 0 ? stream : stream.slice(0, dash);
}

/** `mbx_01...` of `mail-mbx_01...`: the text after the first dash. */
export function streamKey(stream: string): string {
  return stream.slice(stream.indexOf("-") + 1);
}
