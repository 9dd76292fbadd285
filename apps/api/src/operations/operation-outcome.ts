import type { Position, Refusal } from "@mailfold/kernel";

/** What a command left in the log. */
export interface OperationReceipt {
  /** Position of its last event; of the log's head when nothing new happened or nothing was written. */
  readonly position: Position;
  /** Its events, or with dryRun those it would have recorded. */
  readonly events: readonly { readonly id: string; readonly type: string }[];
  readonly replayed: boolean;
  readonly dryRun: boolean;
  /** The directory or policy view had not passed the position in time. */
  readonly lagging: boolean;
}

/** What every operation answers: the object, refusals, and the receipt when nothing was refused. */
export interface OperationOutcome<V> {
  readonly value?: V;
  readonly errors: readonly Refusal[];
  readonly receipt?: OperationReceipt;
}

/** What every operation's input may carry. */
export interface CommandOptions {
  /** 1..128 visible characters; the same id from the same token subject is the same command. */
  readonly commandId?: string | null | undefined;
  /** Decides and answers, writes nothing. */
  readonly dryRun?: boolean | null | undefined;
}

/** Refuses an operation. */
export function refused<V>(...errors: readonly Refusal[]): OperationOutcome<V> {
  return { errors };
}

/** The one answer for what is missing and for what is not yours. */
export function notFound<V>(...path: readonly string[]): OperationOutcome<V> {
  return refused({ code: "NOT_FOUND", message: "There is no such object.", path });
}

/** Bad input, with what is allowed. */
export function invalidInput<V>(message: string, ...path: readonly string[]): OperationOutcome<V> {
  return refused({ code: "INVALID_INPUT", message, path });
}

/** The caller's kind of token may never do this: the one refusal that answers as a top-level FORBIDDEN. */
export class OperationForbidden extends Error {
  readonly requiredScopes: readonly string[];
  constructor(requiredScopes: readonly string[]) {
    super(`This needs a ${requiredScopes.join(" or ")} token.`);
    this.name = "OperationForbidden";
    this.requiredScopes = requiredScopes;
  }
}
