import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { openSqliteEventStore } from "@mailfold/event-store";
import { createEventCodec } from "@mailfold/events";
import type { NewEvent } from "@mailfold/kernel";
import { openKeys } from "@mailfold/keys";
import { temporaryDir } from "../e2e/platform.ts";

export interface LogRates {
  /** Events appended per second, one event per append, by appends in flight. */
  readonly appended: readonly { readonly inFlight: number; readonly perSecond: number }[];
  /** Events appended per second in groups of 100 to one stream, 8 in flight. */
  readonly appendedInGroups: number;
  /** Events read in order, decoded and folded, per second. */
  readonly replayed: number;
}

function flagsChanged(): NewEvent {
  return {
    id: randomUUID(),
    type: "FlagsChanged",
    data: { folderId: "fld_01jdbench00000000000000000", uids: "1:20", operation: "add", flags: ["\\Seen"] },
    metadata: { actor: { type: "mailbox", id: "mbx_bench" } },
    occurredAt: Date.now(),
  };
}

/** Appends and replays on the embedded log in a directory of its own on the same disk. */
export async function benchLog(seconds: number): Promise<LogRates> {
  const dir = temporaryDir("bench-log");
  const codec = createEventCodec(openKeys({ dir: join(dir, "keys") }));
  const store = await openSqliteEventStore({ path: join(dir, "log.db"), codec, clock: { now: Date.now } });
  let stream = 0;
  async function appendRate(inFlight: number, group: number): Promise<number> {
    const startedAt = performance.now();
    let appended = 0;
    const worker = async () => {
      while (performance.now() - startedAt < seconds * 1_000) {
        stream += 1;
        await store.append({
          stream: `mail-bench${stream % 10_000}`,
          expected: "any",
          events: Array.from({ length: group }, flagsChanged),
        });
        appended += group;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    return Math.round(appended / ((performance.now() - startedAt) / 1_000));
  }
  const appended = [];
  for (const inFlight of [1, 64, 512]) appended.push({ inFlight, perSecond: await appendRate(inFlight, 1) });
  const appendedInGroups = await appendRate(8, 100);
  const startedAt = performance.now();
  const perStream = new Map<string, number>();
  let replayed = 0;
  for await (const event of store.readAll()) {
    perStream.set(event.stream, (perStream.get(event.stream) ?? 0) + 1);
    replayed += 1;
  }
  const rate = Math.round(replayed / ((performance.now() - startedAt) / 1_000));
  await store.close();
  return { appended, appendedInGroups, replayed: rate };
}
