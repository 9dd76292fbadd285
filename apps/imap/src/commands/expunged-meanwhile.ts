import type { Target } from "../mailbox/selected-folder.ts";
import { type Completion, no } from "./command.ts";

/** For sequence numbers of messages that others removed and this client was not told of yet (RFC 2180 section 4). */
export const expungedMeanwhile: Completion = no("Some messages were expunged meanwhile", "EXPUNGEISSUED");

/** Whether a set names messages that are gone. A UID that is not there is no error (RFC 3501 section 6.4.8). */
export function missesSome(targets: readonly Target[], byUid: boolean): boolean {
  return !byUid && targets.some(({ message }) => message === undefined);
}
