import { idFromUuid } from "@mailfold/ids";
import { type Actor, type RecordedEvent, streamCategory, streamKey } from "@mailfold/kernel";
import { outcomeOf } from "../../feed/event-outcome.ts";
import { builder } from "../builder.ts";

const actorRef = builder.objectRef<Actor>("Actor").implement({
  description: "Who caused an event.",
  fields: (t) => ({
    type: t.string({ resolve: (actor) => actor.type }),
    id: t.exposeString("id"),
    name: t.exposeString("name", { nullable: true }),
    onBehalfOf: t.exposeString("onBehalfOf", { nullable: true }),
  }),
});

const outcomeRef = builder.objectRef<ReturnType<typeof outcomeOf>>("AuditOutcome").implement({
  fields: (t) => ({
    result: t.string({ description: "`success` or `failure`.", resolve: (outcome) => outcome.result }),
    code: t.string({ nullable: true, resolve: (outcome) => outcome.code ?? null }),
  }),
});

const targetRef = builder.objectRef<{ readonly stream: string }>("AuditTarget").implement({
  description: "What an event is about.",
  fields: (t) => ({
    type: t.string({ resolve: ({ stream }) => streamCategory(stream) }),
    id: t.string({ resolve: ({ stream }) => streamKey(stream) }),
  }),
});

/** An event as the API shows it: its secrets are gone before it comes here. */
export const auditEventRef = builder.objectRef<RecordedEvent>("AuditEvent");
builder.node(auditEventRef, {
  description:
    "One event of the log, as the live audit feed sends it too. Secrets read `[secret]`. By id, admin events are found.",
  id: { resolve: (event) => idFromUuid("event", event.id) },
  isTypeOf: (value) => typeof value === "object" && value !== null && "stream" in value && "metadata" in value,
  fields: (t) => ({
    position: t.string({ resolve: (event, _args, { api }) => api.cursors.format(event.position) }),
    type: t.exposeString("type"),
    at: t.expose("occurredAt", { type: "DateTime" }),
    tenantId: t.id({ nullable: true, resolve: (event) => event.metadata.tenantId ?? null }),
    resellerId: t.id({ nullable: true, resolve: (event) => event.metadata.resellerId ?? null }),
    actor: t.field({ type: actorRef, resolve: (event) => event.metadata.actor }),
    target: t.field({ type: targetRef, resolve: (event) => event }),
    outcome: t.field({ type: outcomeRef, resolve: (event) => outcomeOf(event) }),
    commandId: t.string({ nullable: true, resolve: (event) => event.metadata.commandId ?? null }),
    undoes: t.id({
      nullable: true,
      description: "The event that this one takes back.",
      resolve: ({ metadata }) => (metadata.undoes === undefined ? null : idFromUuid("event", metadata.undoes)),
    }),
    data: t.field({ type: "JSON", resolve: (event) => event.data }),
  }),
});
