import { idFromUuid } from "@mailfold/ids";
import { type RecordedEvent, streamCategory, streamKey } from "@mailfold/kernel";
import { outcomeOf } from "./event-outcome.ts";

/** An event in a CloudEvents 1.0 envelope (JSON format), as the live feed sends it. */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly dataschema: string;
  readonly sequence: string;
  readonly tenantid?: string;
  readonly resellerid?: string;
  readonly correlationid?: string;
  readonly causationid?: string;
  /** The event that this one takes back. */
  readonly undoes?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Envelope of an event whose secrets have been removed. `version` is the wire version of its newest shape. */
export function toCloudEvent(event: RecordedEvent, version: number): CloudEvent {
  const { metadata } = event;
  const at = new Date(event.occurredAt).toISOString();
  return {
    specversion: "1.0",
    id: idFromUuid("event", event.id),
    source: metadata.tenantId === undefined ? "/platform" : `/tenants/${metadata.tenantId}`,
    type: event.type,
    subject: streamKey(event.stream),
    time: at,
    datacontenttype: "application/json",
    dataschema: `urn:mailfold:event:${event.type}:v${version}`,
    sequence: event.position,
    ...(metadata.tenantId === undefined ? {} : { tenantid: metadata.tenantId }),
    ...(metadata.resellerId === undefined ? {} : { resellerid: metadata.resellerId }),
    ...(metadata.correlationId === undefined ? {} : { correlationid: metadata.correlationId }),
    ...(metadata.causationId === undefined ? {} : { causationid: metadata.causationId }),
    ...(metadata.undoes === undefined ? {} : { undoes: idFromUuid("event", metadata.undoes) }),
    data: {
      action: event.type,
      occurred_at: at,
      version,
      actor: metadata.actor,
      targets: [{ type: streamCategory(event.stream), id: streamKey(event.stream) }],
      context: metadata.context ?? {},
      outcome: outcomeOf(event),
      metadata: metadata.commandId === undefined ? {} : { commandId: metadata.commandId },
      payload: event.data,
    },
  };
}
