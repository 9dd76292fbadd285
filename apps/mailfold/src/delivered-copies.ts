import type { OperationDeps } from "@mailfold/app-api";
import type { FolderOutcome, MailboxState } from "@mailfold/projection-folders";
import type { FoldRunner } from "@mailfold/read-store";

/** Looks delivered messages up in the mailbox itself: what was deleted meanwhile is not found. */
export function createDeliveredCopies(
  folds: Pick<FoldRunner<MailboxState, FolderOutcome>, "open">,
): OperationDeps["copiesOf"] {
  return async (mailboxId, verdictId) => {
    const handle = await folds.open(mailboxId);
    try {
      return [...handle.state.folders.values()].flatMap(({ messages }) =>
        messages.filter((message) => message.verdictId === verdictId),
      );
    } finally {
      handle.release();
    }
  };
}
