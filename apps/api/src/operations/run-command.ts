import type { Append, EventStore, ExpectedRevision } from "@mailfold/event-store";
import { readWholeStream } from "@mailfold/event-store";
import type { BodyRef } from "@mailfold/events";
import type {
  Decider,
  DomainEvent,
  EventMetadata,
  NewEvent,
  Position,
  RecordedEvent,
  Refusal,
  TenantId,
} from "@mailfold/kernel";
import { streamCategory } from "@mailfold/kernel";
import { actorOf, type Belonging, type Caller } from "../caller.ts";
import type { OperationDeps } from "../ports.ts";
import type { CommandIdentity } from "./command-identity.ts";
import type { CommandQueue } from "./command-queue.ts";
import type { OperationReceipt } from "./operation-outcome.ts";
import { createStreamMemory } from "./stream-memory.ts";

const attemptsMax = 8;
const viewsTimeoutMs = 2_000;
const mailHeadEvents = 16;

/** A stream as a plan read it. */
export interface LoadedStream<S> {
  readonly stream: string;
  readonly state: S;
  readonly events: readonly RecordedEvent[];
  readonly expected: ExpectedRevision;
}

/** Events for one stream, at the revision that was read. */
export interface PlannedWrite {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly DomainEvent[];
  /** Of each event, the id of the one that it takes back. */
  readonly undoes?: readonly (string | undefined)[];
  /** Bodies, stored already, that the stream holds from now on. */
  readonly holds?: readonly BodyRef[];
}

/** What a plan decided. Writes go in this order where the log cannot do several at once. */
export type Plan = { readonly refused: Refusal } | { readonly writes: readonly PlannedWrite[] };

/** One command: which stream proves that it was done, and how to decide it. */
export interface CommandRun {
  readonly caller: Caller;
  readonly identity: CommandIdentity;
  readonly dryRun: boolean;
  readonly belonging: Belonging;
  /** Where another tenant's event belongs, e.g. a claim of its that lapses. */
  readonly belongingOf: (tenantId: TenantId) => Belonging;
  /** Every stream the command writes; the last one holds its events only when the command was done. */
  readonly streams: readonly string[];
  /** Compares a retry's secret fields with what the first call stored. */
  readonly sameSecret?: ((events: readonly RecordedEvent[]) => Promise<boolean>) | undefined;
  plan(load: Load): Promise<Plan>;
}

/** Reads and folds one stream. */
export type Load = <C, E extends DomainEvent, S, Code extends string>(
  decider: Decider<C, E, S, Code>,
  stream: string,
) => Promise<LoadedStream<S>>;

export type CommandResult = { readonly refused: Refusal } | { readonly receipt: OperationReceipt };

/** A commandId that stands for another command already. */
export const commandReused: Refusal = {
  code: "COMMAND_REUSED",
  message: "This commandId was used before with another input. Use a new commandId for a new command.",
  path: ["commandId"],
};

/** Runs commands: load, decide, append at the revision that was read, again on a conflict; then waits for the views. */
export interface CommandRunner {
  run(command: CommandRun): Promise<CommandResult>;
}

/** The runner over a log. `queue` keeps equal commands of this process apart. */
export function createCommandRunner(deps: OperationDeps, queue: CommandQueue): CommandRunner {
  const store = deps.journal.events;
  const memory = createStreamMemory(store);
  const load: Load = async (decider, stream) => {
    const events = await memory.read(stream);
    const last = events.at(-1);
    const state = events.reduce((folded, event) => decider.evolve(folded, event as never), decider.initialState);
    return { stream, events, state, expected: last === undefined ? "none" : last.revision };
  };

  async function settle(position: Position, part: Omit<OperationReceipt, "position" | "lagging">) {
    const lagging = part.dryRun ? false : !(await deps.waitForViews(position, viewsTimeoutMs));
    return { receipt: { ...part, position, lagging } };
  }

  async function replay(command: CommandRun): Promise<CommandResult | undefined> {
    const { identity, streams } = command;
    const done = streams.at(-1);
    if (identity.commandId === undefined || done === undefined) return undefined;
    const own: RecordedEvent[] = [];
    const proof = identity.own(streamCategory(done), await memory.read(done));
    if (proof.length === 0) {
      // Done before, but on another object than the one it names now.
      return queue.streamOf(identity, streamCategory(done)) === undefined ? undefined : { refused: commandReused };
    }
    if (proof[0]?.metadata.inputHash !== identity.inputHash) return { refused: commandReused };
    if (command.sameSecret !== undefined && !(await command.sameSecret(proof))) return { refused: commandReused };
    for (const stream of streams.slice(0, -1)) {
      own.push(...identity.own(streamCategory(stream), await readHead(store, stream)));
    }
    own.push(...proof);
    const position = proof.at(-1)?.position ?? ("" as Position);
    const events = own.map(({ id, type }) => ({ id, type }));
    return settle(position, { events, replayed: true, dryRun: false });
  }

  async function attempt(command: CommandRun): Promise<CommandResult | "conflict"> {
    const again = await replay(command);
    if (again !== undefined) return again;
    const plan = await command.plan(load);
    if ("refused" in plan) return plan;
    const appends = toAppends(command, plan.writes, deps.clock.now());
    const events = appends.flatMap((append) => append.events.map(({ id, type }) => ({ id, type })));
    if (command.dryRun || appends.length === 0) {
      return settle(await store.head(), { events, replayed: false, dryRun: command.dryRun });
    }
    const groups = store.appendsAtomically ? [appends] : appends.map((append) => [append]);
    let position = "" as Position;
    for (const group of groups) {
      const holds = plan.writes.flatMap(({ stream, holds = [] }) =>
        group.some((append) => append.stream === stream) ? holds.map((ref) => ({ stream, ref })) : [],
      );
      const result = await (holds.length === 0 ? store.append(group) : deps.journal.commit({ appends: group, holds }));
      if (!result.ok) return "conflict";
      position = result.position;
    }
    queue.remember(command.identity, command.streams.at(-1) ?? "");
    return settle(position, { events, replayed: false, dryRun: false });
  }

  return {
    run: (command) =>
      queue.alone(command.identity.key, async () => {
        for (let count = 1; count <= attemptsMax; count += 1) {
          const result = await attempt(command);
          if (result !== "conflict") return result;
        }
        const message = "Others changed the same object at the same time. Try again.";
        return { refused: { code: "CONFLICT", message, details: { retryable: true } } };
      }),
  };
}

/** A stream's beginning where only that can be a creation's: mail streams grow without end. */
async function readHead(store: EventStore, stream: string): Promise<readonly RecordedEvent[]> {
  if (streamCategory(stream) !== "mail") return readWholeStream(store, stream);
  const head: RecordedEvent[] = [];
  for await (const event of store.readStream(stream, { limit: mailHeadEvents })) head.push(event);
  return head;
}

function toAppends(command: CommandRun, writes: readonly PlannedWrite[], occurredAt: number): readonly Append[] {
  const { identity } = command;
  // A command's events are told apart by their place among those of one category, over all its streams.
  const counted = new Map<string, number>();
  const nextIndex = (category: string): number => {
    const index = counted.get(category) ?? 0;
    counted.set(category, index + 1);
    return index;
  };
  return writes
    .filter((write) => write.events.length > 0)
    .map((write) => ({
      stream: write.stream,
      expected: write.expected,
      events: write.events.map(
        (event, index): NewEvent => ({
          id: identity.eventId(streamCategory(write.stream), nextIndex(streamCategory(write.stream))),
          type: event.type,
          data: event.data,
          metadata: metadataOf(command, event, write.undoes?.[index]),
          occurredAt,
        }),
      ),
    }));
}

function metadataOf(command: CommandRun, event: DomainEvent, undoes: string | undefined): EventMetadata {
  const { identity, belonging, caller } = command;
  const { tenantId } = event.data as { readonly tenantId?: TenantId };
  if (tenantId !== undefined && belonging.tenantId !== undefined && tenantId !== belonging.tenantId) {
    // Another tenant's loss shows in its own feed, without a word of who caused it.
    return { ...present(command.belongingOf(tenantId)), actor: { type: "system", id: "claims" } };
  }
  return {
    ...present(belonging),
    actor: actorOf(caller),
    ...(identity.commandId === undefined ? {} : { commandId: identity.commandId }),
    ...(identity.inputHash === undefined ? {} : { inputHash: identity.inputHash }),
    ...(undoes === undefined ? {} : { undoes }),
    ...(caller.context.requestId === undefined ? {} : { correlationId: caller.context.requestId }),
    context: caller.context,
  };
}

function present({ tenantId, resellerId }: Belonging) {
  return { ...(tenantId === undefined ? {} : { tenantId }), ...(resellerId === undefined ? {} : { resellerId }) };
}
