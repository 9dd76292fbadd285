import type { SmtpSession } from "../session.ts";

/** Handles one command; `argument` is what follows the verb and one blank. The next command is read after `done`. */
export type Verb = (session: SmtpSession, argument: string, done: () => void) => void | Promise<void>;
