import { setTimeout as sleep } from "node:timers/promises";
import type { Position } from "@mailfold/kernel";
import type { KurrentClient, RawAnswer, RawAppend } from "./kurrent-client.ts";
import { failureOf, KurrentFailure } from "./kurrent-fault.ts";

interface AppendPatience {
  /** One attempt's deadline. */
  readonly attemptTimeoutMs: number;
  /** All attempts together, waits included. */
  readonly budgetMs: number;
  readonly attemptsMax: number;
}

const retryDelayMs = 50;
const retryDelayMaxMs = 1_000;
const conflictDelayMs = 5;
const lookBackPage = 100;
const lookBackMax = 2_000;

/** Appends of this process that had to be asked again take turns by stream, so that they do not defeat each other. */
export class StreamTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `task` after every earlier one of the same stream. */
  take<T>(stream: string, task: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(stream) ?? Promise.resolve()).then(task, task);
    const settled = turn.catch(() => undefined);
    this.#last.set(stream, settled);
    void settled.then(() => {
      if (this.#last.get(stream) === settled) this.#last.delete(stream);
    });
    return turn;
  }
}

export interface AppendContext {
  readonly client: KurrentClient;
  readonly turns: StreamTurns;
  readonly patience: AppendPatience;
}

/**
 * Appends until the outcome is known. A failed call may have been written, so it is repeated with the same event ids:
 * a numeric expectation is recognised by the server from what lies in the stream. For `any` the server only has a cache,
 * so the stream is searched back to `seenBefore` for the ids first, and the repeat expects the revision found there.
 */
export async function appendUntilKnown(
  { client, turns, patience }: AppendContext,
  append: RawAppend,
  seenBefore: Position,
): Promise<RawAnswer> {
  const deadlineAt = performance.now() + patience.budgetMs;
  let last: KurrentFailure | undefined;
  for (let attempt = 1; attempt <= patience.attemptsMax && performance.now() < deadlineAt; attempt += 1) {
    if (attempt > 1) await sleep(Math.min(retryDelayMs * 2 ** (attempt - 2), retryDelayMaxMs) * (1 + Math.random()));
    try {
      if (attempt === 1 || append.expected !== "any") return await client.append(append, patience.attemptTimeoutMs);
      const again = () => appendAfterSearch({ client, append, patience, deadlineAt }, seenBefore);
      return await turns.take(append.stream, again);
    } catch (error) {
      last = failureOf(error);
      if (last.kind !== "unknown") throw last;
    }
  }
  throw last ?? new KurrentFailure("unknown", "no time left");
}

interface Repeat {
  readonly client: KurrentClient;
  readonly append: RawAppend;
  readonly patience: AppendPatience;
  readonly deadlineAt: number;
}

/** The repeat of an `any` append: wherever other writers move the stream to, it is searched and expected anew. */
async function appendAfterSearch(
  { client, append, patience, deadlineAt }: Repeat,
  seenBefore: Position,
): Promise<RawAnswer> {
  let cutOffAt: number | undefined;
  while (performance.now() < deadlineAt) {
    const place = await searchBack(client, append, seenBefore);
    if ("found" in place) return place.found;
    // A stream cut off by expiry shows no revision; the server's refusal names the true one.
    const expected = place.head === "none" ? (cutOffAt ?? "none") : place.head;
    const answer = await client.append({ ...append, expected }, patience.attemptTimeoutMs);
    if (answer.ok) return answer;
    cutOffAt = answer.actual < 0 ? undefined : answer.actual;
    await sleep(conflictDelayMs * (1 + Math.random()));
  }
  throw new KurrentFailure("unknown", "other writers kept moving the stream");
}

type Place = { readonly found: RawAnswer } | { readonly head: number | "none" };

async function searchBack(client: KurrentClient, append: RawAppend, seenBefore: Position): Promise<Place> {
  const lastId = append.events.at(-1)?.id;
  let from: number | undefined;
  let head: number | "none" = "none";
  for (let looked = 0; looked < lookBackMax; looked += lookBackPage) {
    const page = await client.streamPage(append.stream, from, { direction: "backwards", count: lookBackPage });
    for (const event of page) {
      if (head === "none") head = event.revision;
      if (event.id === lastId) return { found: { ok: true, revision: event.revision, position: event.position } };
      if (event.position <= seenBefore) return { head };
    }
    const oldest = page.at(-1);
    if (page.length < lookBackPage || !oldest || oldest.revision === 0) break;
    from = oldest.revision - 1;
  }
  return { head };
}
