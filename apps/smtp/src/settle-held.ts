import type { ExpectedRevision } from "@mailfold/event-store";
import { type HeldMessageSettled, type MessageHeld, streams } from "@mailfold/events";
import type { RecordedEvent, TenantId } from "@mailfold/kernel";
import type { Facts, RecipientFact } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { domainFact } from "./directory-facts.ts";
import { domainOf } from "./envelope-address.ts";
import { absentPeerSource, allSources, directorySource } from "./fact-source.ts";
import { HeldChange } from "./held-change.ts";
import type { HeldJudgeDeps, Waiting } from "./held-judge.ts";
import { HeldMessage } from "./held-message.ts";
import { type Judged, judge } from "./judge.ts";
import { quarantineMs } from "./quarantine-time.ts";

const firstDelayMs = 5 * 60_000;
const longestDelayMs = 4 * 3_600_000;

/** What a settlement is asked to keep to. */
export interface SettleOptions {
  /** How long a copy that is refused in the end lies in quarantine, in place of quarantineDays. */
  readonly keptMs?: number | undefined;
  /** Aborted when the platform stops: the copy is left as it is. */
  readonly signal: AbortSignal;
}

/**
 * Judges one deferred copy again and commits what became of it. Answers when it is due again (ms since the epoch), undefined
 * when it is settled. Throws when the store does, or when it is told to stop; then nothing happened.
 */
export async function settleHeld(
  deps: HeldJudgeDeps,
  waiting: Waiting,
  options: SettleOptions,
): Promise<number | undefined> {
  const found = await readHeld(deps, waiting);
  // Expired with its stream, or ended by somebody meanwhile: there is nothing left to deliver.
  if (found === undefined) return undefined;
  const { event, expected } = found;
  const now = deps.clock.now();
  const { change, dueAt } = await unlessAborted(options.signal, judgeAgain(deps, { event, waiting, now, options }));
  const result = await deps.journal.commit(change.commit(expected));
  // Somebody ended it at this moment: the next sweep sees that.
  if (!result.ok) return now;
  if (dueAt === undefined && isAlone(event)) {
    // Housekeeping does it again, so a failure here costs only space for a while.
    await deps.journal.bodies.setHeld(event.stream, []).catch((error: unknown) => {
      deps.log.warn({ err: error, holdId: event.data.holdId }, "the body of a settled copy could not be let go");
    });
  }
  return dueAt;
}

interface Again {
  readonly event: RecordedEvent<MessageHeld>;
  readonly waiting: Waiting;
  readonly now: number;
  readonly options: SettleOptions;
}

/** What becomes of the copy by the policy, the scanners and the filters of now. `dueAt`: it is deferred once more. */
async function judgeAgain(
  deps: HeldJudgeDeps,
  { event, waiting, now, options }: Again,
): Promise<{ readonly change: HeldChange; readonly dueAt?: number }> {
  const held = event.data;
  const message = new HeldMessage(deps, held);
  const sources = {
    policy: deps.policy,
    fetch: allSources(directorySource(deps.directory), absentPeerSource, message.source),
  };
  const judgeData = async (facts: Facts): Promise<Judged> => judge(sources, "data", facts);
  const facts = currentFacts(deps.directory, held, now);
  const judged = facts === undefined ? undefined : await judgeData(facts);
  const change = new HeldChange(event, judged, now);
  const action = judged?.verdict.action ?? "reject";
  if (judged !== undefined && (action === "accept" || action === "junk")) {
    const of = { receivedAt: event.occurredAt, occurredAt: now, verdictId: change.verdictId, judge: judgeData };
    change.deliver(await message.accept(judged, of));
    return { change };
  }
  if (action === "defer" && now < held.expiresAt) {
    const dueAt = now + Math.min(firstDelayMs * 2 ** Math.min(waiting.attempts, 10), longestDelayMs);
    change.deferAgain({ judgeAgainAt: dueAt, attempt: waiting.attempts + 1 });
    return { change, dueAt };
  }
  const { tenantId, resellerId } = event.metadata;
  const { domainId, mailboxId } = held;
  const path = Object.fromEntries(Object.entries({ resellerId, tenantId, domainId, mailboxId }).filter(([, id]) => id));
  const until = now + (options.keptMs ?? quarantineMs(deps.policy.current(), path));
  change.quarantine(action === "defer" ? "expired" : "rejected", until);
  return { change };
}

/**
 * Facts as they are now: the mailbox may be full no longer, or gone; scanners, filters and rules are asked again, the peer and
 * its host are not.
 */
function currentFacts(directory: Directory, held: MessageHeld["data"], at: number): Facts | undefined {
  const { content, ...facts } = held.facts as unknown as Facts;
  const mailbox = directory.mailbox(held.mailboxId);
  const domain = domainFact(directory, domainOf(held.recipient));
  if (mailbox === undefined || mailbox.status === "deleted" || domain === undefined || facts.recipient === undefined) {
    return undefined;
  }
  const suspended = mailbox.status !== "active";
  const overQuota = mailbox.quotaBytes > 0 && mailbox.usedBytes >= mailbox.quotaBytes;
  const target = { mailboxId: mailbox.mailboxId, address: mailbox.address, suspended, overQuota };
  const found: RecipientFact = { kind: "local", domain, targets: [target] };
  const session = { ...facts, at, recipient: { ...facts.recipient, found } };
  if (content === undefined) return session;
  const { scan: _scan, classifier: _classifier, findings: _findings, rules: _rules, ...stays } = content;
  return { ...session, content: stays };
}

/** The promised value; rejects as soon as the signal aborts, and leaves the rest to itself. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The copy's event, and where its stream ends: undefined when it is gone or has come to an end. */
async function readHeld(
  deps: HeldJudgeDeps,
  { stream, revision }: Waiting,
): Promise<{ readonly event: RecordedEvent<MessageHeld>; readonly expected: ExpectedRevision } | undefined> {
  const { events } = deps.journal;
  let held: RecordedEvent<MessageHeld> | undefined;
  let last = revision;
  for await (const event of events.readStream(stream, { from: revision })) {
    if (held === undefined && event.revision !== revision) return undefined;
    held ??= event as RecordedEvent<MessageHeld>;
    // Of several copies in one stream only the first event is looked at.
    if (!isAlone(held)) break;
    if (isEnd(event)) return undefined;
    last = event.revision;
  }
  if (held === undefined) return undefined;
  return { event: held, expected: isAlone(held) && events.appendsAtomically ? last : "any" };
}

/** Whether the stream is this copy's own. Copies of before shared one of their tenant and day. */
function isAlone({ stream, data }: RecordedEvent<MessageHeld>): boolean {
  return stream === streams.hold(data.body.tenantId as TenantId, data.holdId);
}

function isEnd(event: RecordedEvent): boolean {
  if (event.type === "HeldMessageReleased" || event.type === "HeldMessageDeleted") return true;
  return event.type === "HeldMessageSettled" && (event.data as HeldMessageSettled["data"]).outcome !== "deferred";
}
