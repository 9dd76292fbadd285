import type { DomainEvent, RecordedEvent } from "./event.ts";
import type { RowChange } from "./projection.ts";

/** A recorded event of a union, told apart by its type. */
export type Recorded<E extends DomainEvent> = E extends DomainEvent ? RecordedEvent<E> : never;

/** What a rows projection does with each event of a union, and with no other. */
export type RowHandlers<E extends DomainEvent> = {
  readonly [Type in E["type"]]: (event: Recorded<Extract<E, { readonly type: Type }>>) => readonly RowChange[];
};

/** Gives an event to its handler; an event without one changes nothing. */
export function projectWith<E extends DomainEvent>(
  handlers: RowHandlers<E>,
  event: RecordedEvent,
): readonly RowChange[] {
  const handler = handlers[event.type as E["type"]] as ((event: RecordedEvent) => readonly RowChange[]) | undefined;
  return handler === undefined ? [] : handler(event);
}
