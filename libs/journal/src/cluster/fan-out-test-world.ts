import assert from "node:assert/strict";
import type { BlobStore } from "@mailfold/blob-store";
import type { Append, EventStore } from "@mailfold/event-store";
import { openMemoryEventStore, readWholeStream } from "@mailfold/event-store";
import type { Position } from "@mailfold/kernel";
import { startOfLog } from "@mailfold/kernel";
import { foldersFold, mailboxUsage } from "../../../../projections/folders/src/index.ts";
import { openMemoryBodies } from "../../../../test/doubles/kurrentdb/memory-bodies.ts";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { contractBody, mailCommit } from "../journal-contract.ts";
import { openClusterJournal } from "./cluster-journal.ts";
import { runFanOut } from "./fan-out.ts";

export const clock = { now: () => Date.UTC(2026, 10, 24) };
export const mailboxes = ["mbx_a", "mbx_b"];

/** A log that knows nothing of earlier ids when it is asked with `any`: what a server is after a restart. */
function forgetful(store: EventStore): EventStore {
  const append = async (appends: Append | readonly Append[]) => {
    const list = "stream" in appends ? [appends] : appends;
    const asked = await Promise.all(
      list.map(async (one) => {
        if (one.expected !== "any") return one;
        const read = await readWholeStream(store, one.stream);
        return { ...one, expected: read.at(-1)?.revision ?? ("none" as const) };
      }),
    );
    return store.append(asked);
  };
  return Object.assign(Object.create(store) as EventStore, { ...bound(store), append });
}

export function bound(store: EventStore): EventStore {
  return {
    appendsAtomically: store.appendsAtomically,
    append: (appends) => store.append(appends),
    readStream: (stream, options) => store.readStream(stream, options),
    readAll: (options) => store.readAll(options),
    subscribe: (options) => store.subscribe(options),
    head: () => store.head(),
    floor: (lifeClass) => store.floor(lifeClass),
    epoch: () => store.epoch(),
    distance: (from, to) => store.distance(from, to),
    expire: (lifeClass, olderThan) => store.expire(lifeClass, olderThan),
    deleteStreams: (streams) => store.deleteStreams(streams),
    close: () => store.close(),
  };
}

class Crash extends Error {}

/** Lets so many writing calls pass, then crashes before or after the next. */
export class CrashPoint {
  left: number;
  readonly when: "before" | "after";
  hit = false;
  constructor(left: number, when: "before" | "after") {
    this.left = left;
    this.when = when;
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.hit) throw new Crash();
    this.left -= 1;
    if (this.left >= 0) return call();
    this.hit = true;
    if (this.when === "after") await call();
    throw new Crash();
  }
}

export interface World {
  readonly events: EventStore;
  readonly bodies: ReturnType<typeof openMemoryBodies>;
  place: Position;
}

export async function worldWith(commits: readonly ReturnType<typeof mailCommit>[]): Promise<World> {
  const events = forgetful(await openMemoryEventStore({ codec: plainCodec, clock }));
  const bodies = openMemoryBodies();
  const journal = openClusterJournal({ events, bodies, clock });
  for (const commit of commits) await journal.commit(commit);
  return { events, bodies, place: startOfLog };
}

/** One life of the fan-out: until it has nothing left to do, or crashes. Answers whether it crashed. */
export async function live(world: World, crash: CrashPoint, inFlightMax: number): Promise<boolean> {
  const { bodies } = world;
  const events: EventStore = {
    ...bound(world.events),
    append: (appends) => crash.pass(() => world.events.append(appends)),
  };
  const holding: BlobStore = {
    ...bodies,
    hold: (stream, refs) => crash.pass(async () => bodies.hold?.(stream, refs)),
    setHeld: (stream, refs) => crash.pass(() => bodies.setHeld(stream, refs)),
  };
  let last = startOfLog;
  for await (const event of events.readAll({ filter: { streamPrefixes: ["intake-"] } })) last = event.position;
  const abort = new AbortController();
  const position = {
    load: async () => world.place,
    save: (reached: Position) =>
      crash.pass(async () => {
        world.place = reached;
        if (reached >= last) abort.abort();
      }),
  };
  try {
    await runFanOut({ events, bodies: holding, position, signal: abort.signal, inFlightMax, noteEveryMs: 0 });
    return false;
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return true;
  }
}

export async function assertExactlyOnce(
  world: World,
  commits: readonly ReturnType<typeof mailCommit>[],
): Promise<void> {
  const streams = new Set(commits.flatMap(({ appends }) => appends.map(({ stream }) => stream)));
  for (const stream of streams) {
    const wanted = commits.flatMap(({ appends }) => appends.filter((one) => one.stream === stream));
    const ids = (await readWholeStream(world.events, stream)).map(({ id }) => id);
    assert.deepEqual(
      ids,
      wanted.flatMap(({ events }) => events.map(({ id }) => id)),
      stream,
    );
  }
  for (const mailbox of mailboxes) {
    let state = foldersFold.initial(mailbox, { restoredAt: 0 });
    const mails = await readWholeStream(world.events, `mail-${mailbox}`);
    for (const event of mails) state = foldersFold.apply(state, event).state;
    assert.equal(mailboxUsage(state).messages, commits.length);
  }
  assert.deepEqual(
    [...world.bodies.holders.keys()].filter((holder) => holder.startsWith("intake-")),
    [],
  );
}

/** Deliveries as the mail fold reads them. */
export function mails(count: number): ReturnType<typeof mailCommit>[] {
  return Array.from({ length: count }, () => {
    const body = contractBody(50);
    const commit = mailCommit(mailboxes, body);
    const appends = commit.appends.map((append) => ({
      ...append,
      events: append.events.map((event) => {
        if (event.type !== "MessageDelivered") return event;
        const { sizeBytes } = body.ref;
        const data = { ...(event.data as object), folder: "INBOX", prefix: "", sizeBytes, internalDate: 0, flags: [] };
        return { ...event, data };
      }),
    }));
    return { ...commit, appends };
  });
}
