import type { ImapSession } from "../session/imap-session.ts";
import type { CommandParser } from "../wire/command-parser.ts";

/** The tagged reply's status, response code (without brackets) and text. */
export interface Completion {
  readonly status: "OK" | "NO" | "BAD";
  readonly code?: string;
  readonly text: string;
}

/** One verb. `run` reads all its arguments before it does anything, so that bad syntax has no effect. */
export interface Command {
  /** As sent by clients, upper case; the UID form of a command is its own name (`UID FETCH`). */
  readonly names: readonly string[];
  readonly when: "always" | "before-login" | "after-login" | "selected";
  /** Whether EXPUNGE may be sent before the tagged reply (RFC 3501 section 7.4.1). */
  readonly allowExpunge: boolean;
  run(session: ImapSession, parser: CommandParser, request: Request): Promise<Completion>;
}

export interface Request {
  readonly tag: string;
  /** Whether the UID form was used: sets and replies are in UIDs. */
  readonly byUid: boolean;
  /** MODSEQs of changes that the command reports itself. */
  readonly ownModseqs: Set<number>;
}

export function ok(text: string, code?: string): Completion {
  return code === undefined ? { status: "OK", text } : { status: "OK", text, code };
}

export function no(text: string, code?: string): Completion {
  return code === undefined ? { status: "NO", text } : { status: "NO", text, code };
}

export function bad(text: string, code?: string): Completion {
  return code === undefined ? { status: "BAD", text } : { status: "BAD", text, code };
}
