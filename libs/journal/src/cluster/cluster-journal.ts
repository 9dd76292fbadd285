import type { BlobStore } from "@mailfold/blob-store";
import type { AppendOk, AppendResult, EventStore } from "@mailfold/event-store";
import type { BodyRef } from "@mailfold/events";
import { streams } from "@mailfold/events";
import type { Clock, MessageId } from "@mailfold/kernel";
import { assert } from "@mailfold/kernel";
import type { Commit, CommitBody, Journal } from "../port.ts";
import { hold } from "./hold-bodies.ts";
import { bodiesNamed, intakeAppends, needsParts } from "./intake-events.ts";

export interface ClusterJournalOptions {
  readonly events: EventStore;
  readonly bodies: BlobStore;
  readonly clock: Clock;
}

const bodiesAtOnce = 4;

/**
 * The commit port over a log without transactions across streams. Bodies and their holds come first; then one append:
 * the commit's own when it has one, else the whole transaction to its intake stream, from where the fan-out (`runFanOut`)
 * spreads it. Resolved = durable: what was accepted reaches every stream, though not at once. Closes both stores.
 */
export function openClusterJournal({ events, bodies, clock }: ClusterJournalOptions): Journal {
  return {
    events,
    bodies,
    commit: (commit) => commitTo({ events, bodies, clock }, commit),
    close: async () => {
      await events.close();
      await bodies.close();
    },
  };
}

async function commitTo(stores: ClusterJournalOptions, commit: Commit): Promise<AppendResult> {
  const { events, bodies } = stores;
  const [first, ...more] = commit.appends;
  assert(first !== undefined, "a commit needs an append");
  await writeBodies(bodies, commit.bodies ?? []);
  if (more.length > 0 || (first.expected === "any" && commit.transactionId !== undefined && needsParts(first)))
    return accept(stores, commit);
  // Held before any event names them: a body is never on record and free to go at the same time.
  for (const { stream, ref } of commit.holds ?? []) await hold(bodies, stream, [ref]);
  return events.append(first);
}

/** Several streams at once: only `any` expectations, for nobody looks at their revisions when the fan-out writes. */
async function accept({ events, bodies, clock }: ClusterJournalOptions, commit: Commit): Promise<AppendResult> {
  const { transactionId, appends } = commit;
  assert(transactionId !== undefined, "a commit to several streams needs its transactionId");
  assert(
    appends.every(({ expected }) => expected === "any"),
    "a commit to several streams cannot expect revisions here",
  );
  const refs = refsOf(commit);
  const intake = streams.intake(transactionId as MessageId);
  await hold(bodies, intake, refs);
  for (const { stream, ref } of unnamedHolds(commit)) await hold(bodies, stream, [ref]);
  let result: AppendOk | undefined;
  for (const append of intakeAppends({ transactionId, appends, bodies: refs, acceptedAt: clock.now() })) {
    const answer = await events.append(append);
    if (!answer.ok) return answer;
    result = answer;
  }
  assert(result !== undefined, "an intake has at least one append");
  return { ...result, revisions: [] };
}

async function writeBodies(store: BlobStore, bodies: readonly CommitBody[]): Promise<void> {
  const left = [...new Map(bodies.map((body) => [`${body.ref.tenantId}/${body.ref.sha256}`, body])).values()];
  const lane = async () => {
    for (let body = left.shift(); body !== undefined; body = left.shift()) await store.write(body.ref, body.bytes);
  };
  await Promise.all(Array.from({ length: bodiesAtOnce }, lane));
}

/** Bodies given and bodies only named by a hold (a copy of a message that is there already). */
function refsOf(commit: Commit): readonly BodyRef[] {
  const all = [...(commit.bodies ?? []), ...(commit.holds ?? [])].map(({ ref }) => ref);
  return [...new Map(all.map((ref) => [`${ref.tenantId}/${ref.sha256}`, ref])).values()];
}

/** The fan-out holds what events name; other holds are made at once. */
function unnamedHolds(commit: Commit): readonly { readonly stream: string; readonly ref: BodyRef }[] {
  return (commit.holds ?? []).filter(
    ({ stream, ref }) =>
      !commit.appends.some((append) => append.stream === stream && bodiesNamed(append, [ref]).length > 0),
  );
}
