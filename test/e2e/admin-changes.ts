import assert from "node:assert/strict";
import type { Platform } from "./platform.ts";
import { mutate } from "./provision.ts";

/** GraphQL's default limit on aliases is 15: this many changes travel in one request. */
const changesPerRequest = 15;
const requestsAtOnce = 6;

/** Entries that are changed over and over: neither a stream nor the policy grows much with the test. */
const entries = 500;

/** Where changes go. */
export interface ChangeTarget {
  readonly platform: Platform;
  readonly tenantId: string;
  /** Bytes of note on each change: how heavy its event is. */
  readonly noteBytes?: number;
}

interface Payload {
  readonly errors: readonly { readonly code: string }[];
  readonly receipt: { readonly eventIds: readonly string[] } | null;
}

let made = 0;

/** Makes `count` admin changes over GraphQL, several requests at once; answers the ids of their events. */
export async function makeChanges(target: ChangeTarget, count: number): Promise<ReadonlySet<string>> {
  const eventIds = new Set<string>();
  let left = count;
  async function work(): Promise<void> {
    while (left > 0) {
      const size = Math.min(changesPerRequest, left);
      left -= size;
      for (const id of await requestChanges(target, size)) eventIds.add(id);
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, work));
  assert.equal(eventIds.size, count, "one event for each change");
  return eventIds;
}

async function requestChanges(target: ChangeTarget, size: number): Promise<readonly string[]> {
  const { platform, tenantId, noteBytes = 0 } = target;
  const names = Array.from({ length: size }, (_, index) => `c${index}`);
  const query = `mutation(${names.map((name) => `$${name}: SenderEntryAddInput!`).join(" ")}) {
    ${names.map((name) => `${name}: senderEntryAdd(input: $${name}) { errors { code } receipt { eventIds } }`).join("\n")} }`;
  const variables = Object.fromEntries(
    names.map((name) => {
      made += 1;
      const pattern = `s${made % entries}@changes.example`;
      return [name, { scope: { tenantId }, list: "KILL", pattern, note: `${made}`.padEnd(noteBytes, ".") }];
    }),
  );
  for (;;) {
    const { status, body } = await platform.graphqlRaw(query, variables);
    if (status === 429) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      continue;
    }
    assert.equal(body.errors, undefined, JSON.stringify(body.errors));
    return Object.values(body.data as Record<string, Payload>).flatMap(({ errors, receipt }) => {
      assert.deepEqual(errors, []);
      return receipt?.eventIds ?? [];
    });
  }
}

/** One more change; its receipt's position, which all earlier changes are before. */
export async function changeOnce({ platform, tenantId }: ChangeTarget): Promise<string> {
  made += 1;
  const input = { scope: { tenantId }, list: "ACCEPT", pattern: `last${made}@changes.example` };
  const payload = await mutate(platform, "senderEntryAdd", "entry { id }", input);
  return (payload.receipt as unknown as { position: string }).position;
}
