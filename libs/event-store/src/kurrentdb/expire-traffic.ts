import type { LifeClass } from "@mailfold/events";
import { lifeClassOf } from "@mailfold/events";
import type { Position } from "@mailfold/kernel";
import { startOfLog, streamCategory } from "@mailfold/kernel";
import type { KurrentClient } from "./kurrent-client.ts";
import { KurrentFailure } from "./kurrent-fault.ts";
import { readAllPages } from "./paged-reads.ts";
import { floorStream, isVisible, occurredAtOf, type RawEvent } from "./raw-event.ts";

/** How far traffic was dropped. */
export interface TrafficFloor {
  /** First position from which on nothing is missing. */
  readonly floor: Position;
  /** Where the next search begins: the oldest traffic that was left standing. */
  readonly searchFrom: Position;
  /** Ms since the epoch; the cut-off that the floor stands for. */
  readonly olderThan: number;
}

const streamsMax = 20_000;
/** Clocks of several writers differ: the search goes this much beyond the first event that is young enough to stay. */
const clockSlackMs = 86_400_000;
const timeoutMs = 10_000;

export async function readFloor(client: KurrentClient): Promise<TrafficFloor> {
  const [last] = await client.streamPage(floorStream, undefined, { direction: "backwards", count: 1 });
  const data = last?.data as Partial<TrafficFloor> | undefined;
  return {
    floor: data?.floor ?? startOfLog,
    searchFrom: data?.searchFrom ?? startOfLog,
    olderThan: data?.olderThan ?? 0,
  };
}

/**
 * Whether an event was dropped by expiry. The server shows dropped events in its whole-log reads until it is scavenged;
 * readers shall not see the difference.
 */
export function isExpired(event: RawEvent, { floor, olderThan }: TrafficFloor): boolean {
  if (event.position >= floor || lifeClassOf(event.stream) !== "traffic") return false;
  return streamCategory(event.stream) !== "quarantine" && occurredAtOf(event) < olderThan;
}

async function writeFloor(client: KurrentClient, floor: TrafficFloor): Promise<void> {
  const event = { id: crypto.randomUUID(), type: "TrafficFloorRaised", data: floor, metadata: {} };
  await client.limitStream(floorStream, { maxCount: 2 });
  await client.append({ stream: floorStream, expected: "any", events: [event] }, timeoutMs);
}

/**
 * Drops traffic older than `olderThan` (ms since the epoch): streams that are old as a whole are deleted, others are cut
 * at the front. A held message that has not reached its own expiry keeps its stream. The server frees the space at its
 * next scavenge; `now` is ms since the epoch. Answers how many events went.
 */
export async function expireTraffic(
  client: KurrentClient,
  lifeClass: LifeClass,
  { olderThan, now }: { readonly olderThan: number; readonly now: number },
): Promise<number> {
  if (lifeClass !== "traffic") return 0;
  const before = await readFloor(client);
  const search = new Search(olderThan, now, before);
  let dropped = 0;
  for await (const page of readAllPages(client, { after: before.searchFrom, direction: "forwards" })) {
    for (const event of page) search.consider(event);
    if (search.old.size >= streamsMax || search.isDone) {
      dropped += await dropAll(client, search);
      if (search.isDone) break;
    }
  }
  return dropped + (await dropAll(client, search));
}

interface OldStream {
  readonly lastRevision: number;
  readonly events: number;
  /** Lies below the floor of an earlier run: perhaps dropped then, and still shown because nothing was scavenged. */
  readonly isRevisited: boolean;
}

/** One walk over the log from the oldest traffic on. */
class Search {
  readonly old = new Map<string, OldStream>();
  readonly #standing = new Set<string>();
  readonly #olderThan: number;
  readonly #now: number;
  readonly #floorBefore: Position;
  #lastDropped: Position = startOfLog;
  #searchFrom: Position;
  #floor: Position;
  #hasStanding = false;
  isDone = false;

  constructor(olderThan: number, now: number, before: TrafficFloor) {
    this.#olderThan = olderThan;
    this.#now = now;
    this.#floorBefore = before.floor;
    this.#floor = before.floor;
    this.#searchFrom = before.searchFrom;
  }

  get reached(): TrafficFloor {
    return { floor: this.#floor, searchFrom: this.#searchFrom, olderThan: this.#olderThan };
  }

  consider(event: RawEvent): void {
    if (this.isDone) return;
    if (this.#lastDropped !== startOfLog) {
      this.#floor = later(event.position, this.#floor);
      this.#lastDropped = startOfLog;
    }
    const at = occurredAtOf(event);
    const isTraffic = isVisible(event) && lifeClassOf(event.stream) === "traffic";
    if (isTraffic && at >= this.#olderThan + clockSlackMs) this.isDone = true;
    const stays = isTraffic && (at >= this.#olderThan || this.#standing.has(event.stream) || this.#isHeld(event));
    if (stays) {
      this.#standing.add(event.stream);
      this.#hasStanding = true;
    }
    if (!this.#hasStanding) this.#searchFrom = event.position;
    if (!isTraffic || stays) return;
    const events = (this.old.get(event.stream)?.events ?? 0) + 1;
    const isRevisited = event.position < this.#floorBefore;
    this.old.set(event.stream, { lastRevision: event.revision, events, isRevisited });
    this.#lastDropped = event.position;
    this.#floor = later(event.position, this.#floor);
  }

  #isHeld(event: RawEvent): boolean {
    if (streamCategory(event.stream) !== "quarantine") return false;
    const expiresAt = (event.data as { expiresAt?: unknown } | undefined)?.expiresAt;
    return typeof expiresAt === "number" && expiresAt > this.#now;
  }
}

async function dropAll(client: KurrentClient, search: Search): Promise<number> {
  if (search.old.size === 0) return 0;
  // The floor first: a crash in between leaves traffic below it, which is allowed; the reverse would hide a loss.
  const known = await readFloor(client);
  await writeFloor(client, { ...search.reached, searchFrom: known.searchFrom });
  let dropped = 0;
  for (const [stream, { lastRevision, events, isRevisited }] of search.old) {
    if (isRevisited && (await isGone(client, stream, lastRevision))) continue;
    await dropUpTo(client, stream, lastRevision);
    dropped += events;
  }
  search.old.clear();
  await writeFloor(client, search.reached);
  return dropped;
}

function later(a: Position, b: Position): Position {
  return a > b ? a : b;
}

async function isGone(client: KurrentClient, stream: string, lastRevision: number): Promise<boolean> {
  const [first] = await client.streamPage(stream, 0, { direction: "forwards", count: 1 });
  return first === undefined || first.revision > lastRevision;
}

/** Deleting leaves the name free for a first append; it works only if nothing was written meanwhile. */
async function dropUpTo(client: KurrentClient, stream: string, lastRevision: number): Promise<void> {
  try {
    await client.deleteStream(stream, lastRevision);
  } catch (error) {
    if (!(error instanceof KurrentFailure) || error.kind === "denied") throw error;
    if (error.kind === "deleted") return;
    if (error.kind === "unknown") throw error;
    await client.limitStream(stream, { truncateBefore: lastRevision + 1 });
  }
}
