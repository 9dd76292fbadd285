import assert from "node:assert/strict";
import { idFromUuid } from "@mailfold/ids";
import type { RecordedEvent, TenantId } from "@mailfold/kernel";
import type { OperationOutcome } from "../operations/operation-outcome.ts";
import { createSenderEntries } from "../records/sender-entries.ts";
import type { ApiWorld } from "./api-test-world.ts";
import { codes } from "./operations-test-world.ts";

/** A processing rule by name. */
export const rule = (name: string, text = name) => ({
  name,
  all: [{ field: "subject", operator: "contains", values: [text] }],
  actions: [{ do: "tag", text }],
});

/** What a scope itself says: its settings, limits left aside, and its list entries without the events that set them. */
export function stateOf(world: ApiWorld, tenantId: string): unknown {
  const settings = world.deps.policy.current().effective({ tenantId: tenantId as TenantId });
  const entries = createSenderEntries(world.deps.rows).list({ scope: tenantId, first: 100 });
  return {
    settings: settings.map(({ name, value, setAtScope }) => ({ name, value, setAtScope })),
    entries: entries.map(({ byEvent: _by, ...entry }) => entry),
  };
}

/** Events of what was not refused. */
export const eventsOf = (outcome: OperationOutcome<unknown>) => {
  assert.deepEqual(codes(outcome), [], JSON.stringify(outcome.errors));
  return outcome.receipt?.events ?? [];
};
/** Id of the first of them. */
export const eventOf = (outcome: OperationOutcome<unknown>) => idFromUuid("event", eventsOf(outcome)[0]?.id ?? "");

/** The whole log. */
export async function allEvents(world: ApiWorld): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of world.store.readAll()) events.push(event);
  return events;
}
