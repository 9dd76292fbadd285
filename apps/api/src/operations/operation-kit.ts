import { EventStoreFault, readWholeStream } from "@mailfold/event-store";
import type { RecordedEvent } from "@mailfold/kernel";
import { PasswordsUnavailable } from "@mailfold/passwords";
import { type Belonging, type Caller, mayReach } from "../caller.ts";
import type { OperationDeps } from "../ports.ts";
import { createVisibleDirectory, type VisibleDirectory } from "../visible-directory.ts";
import { type CommandIdentity, createCommandIdentity } from "./command-identity.ts";
import { createCommandQueue, type FindEvent } from "./command-queue.ts";
import { type CommandOptions, invalidInput, type OperationOutcome, refused } from "./operation-outcome.ts";
import { type CommandResult, type CommandRun, commandReused, createCommandRunner } from "./run-command.ts";

/** What an operation makes of its input before anything is decided. */
interface PreparedCommand<V> {
  readonly belonging: Belonging;
  readonly streams: readonly string[];
  readonly plan: CommandRun["plan"];
  readonly sameSecret?: CommandRun["sameSecret"];
  /** Commands that share this key run one after the other: for uniqueness that no stream guards. */
  readonly exclusive?: string | undefined;
  /** The object as it is afterwards. */
  value(result: { readonly replayed: boolean; readonly dryRun: boolean }): V | undefined;
}

export interface CommandSpec<I extends CommandOptions, V> {
  readonly caller: Caller;
  readonly operation: string;
  readonly input: I;
  /** Input fields that are secret: not hashed, compared by sameSecret. */
  readonly secretFields?: readonly (keyof I & string)[];
  /** For commands that end an object: how a retry is answered when there is no object any more. */
  readonly gone?: {
    readonly category: string;
    /** The object as it was, from its stream. */
    value(events: readonly RecordedEvent[]): V | undefined;
  };
  prepare(
    identity: CommandIdentity,
  ): PreparedCommand<V> | OperationOutcome<V> | Promise<PreparedCommand<V> | OperationOutcome<V>>;
}

/** What all operations are built from. */
export interface OperationKit {
  readonly deps: OperationDeps;
  view(caller: Caller): VisibleDirectory;
  execute<I extends CommandOptions, V>(spec: CommandSpec<I, V>): Promise<OperationOutcome<V>>;
}

const commandIdShape = /^[\x21-\x7e]{1,128}$/;

/** The kit over its dependencies; `findEvent` looks event ids up in the audit trail. */
export function createOperationKit(deps: OperationDeps, findEvent: FindEvent): OperationKit {
  const queue = createCommandQueue(findEvent);
  const runner = createCommandRunner(deps, queue);
  const belongingOf: CommandRun["belongingOf"] = (tenantId) => {
    const tenant = deps.directory.tenant(tenantId);
    return tenant === undefined ? { tenantId } : { tenantId, resellerId: tenant.resellerId };
  };

  async function settle<V>(
    spec: { readonly caller: Caller; readonly dryRun: boolean; readonly identity: CommandIdentity },
    prepared: PreparedCommand<V>,
  ): Promise<OperationOutcome<V>> {
    const { caller, dryRun, identity } = spec;
    const { belonging, streams, plan, sameSecret } = prepared;
    let result: CommandResult;
    try {
      const command = { caller, identity, dryRun, belonging, belongingOf, streams, plan, sameSecret };
      result = await queue.alone(prepared.exclusive, () => runner.run(command));
    } catch (error) {
      return refuseUnavailable(error);
    }
    if ("refused" in result) return refused(result.refused);
    const { receipt } = result;
    const value = prepared.value({ replayed: receipt.replayed, dryRun });
    return value === undefined ? { errors: [], receipt } : { value, errors: [], receipt };
  }

  async function replayGone<I extends CommandOptions, V>(spec: CommandSpec<I, V>, identity: CommandIdentity) {
    const { gone, caller } = spec;
    const stream = gone === undefined ? undefined : queue.streamOf(identity, gone.category);
    if (gone === undefined || stream === undefined) return undefined;
    const events = await readWholeStream(deps.journal.events, stream);
    const own = identity.own(gone.category, events);
    const last = own.at(-1);
    if (last === undefined || !mayReach(caller, last.metadata)) return undefined;
    if (last.metadata.inputHash !== identity.inputHash) return refused<V>(commandReused);
    const value = gone.value(events);
    const receipt = {
      position: last.position,
      events: own.map(({ id, type }) => ({ id, type })),
      replayed: true,
      dryRun: false,
      lagging: false,
    };
    return value === undefined ? { errors: [], receipt } : { value, errors: [], receipt };
  }

  return {
    deps,
    view: (caller) => createVisibleDirectory(deps.directory, caller),
    async execute(spec) {
      const { commandId, dryRun, ...rest } = spec.input;
      if (typeof commandId === "string" && !commandIdShape.test(commandId)) {
        return invalidInput("commandId has 1 to 128 visible ASCII characters.", "commandId");
      }
      const secret: readonly string[] = spec.secretFields ?? [];
      const input = Object.fromEntries(Object.entries(rest).filter(([name]) => !secret.includes(name)));
      const identity = createCommandIdentity(deps, {
        caller: spec.caller,
        operation: spec.operation,
        commandId: commandId ?? undefined,
        input,
      });
      const prepared = await spec.prepare(identity);
      if ("errors" in prepared) return (await replayGone(spec, identity)) ?? prepared;
      return settle({ caller: spec.caller, dryRun: dryRun ?? false, identity }, prepared);
    },
  };
}

/** Overload and outages of the stores are refusals that a client may retry; anything else is a bug and goes on. */
function refuseUnavailable<V>(error: unknown): OperationOutcome<V> {
  const retryable =
    error instanceof PasswordsUnavailable ||
    (error instanceof EventStoreFault && (error.kind === "unavailable" || error.kind === "overloaded"));
  if (!retryable) throw error;
  return refused({ code: "UNAVAILABLE", message: "A store is overloaded or not ready. Send the command again." });
}
