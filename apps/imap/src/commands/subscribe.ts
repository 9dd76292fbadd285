import { canonicalFolderName } from "@mailfold/projection-folders";
import { newFolderName } from "../mailbox/folder-names.ts";
import { throwIfRefused } from "../mailbox/folder-outcome.ts";
import type { Command } from "./command.ts";
import { completed } from "./completed.ts";

/** RFC 3501 section 6.3.6. */
export const subscribe: Command = subscription("SUBSCRIBE", true);

/** RFC 3501 section 6.3.7. */
export const unsubscribe: Command = subscription("UNSUBSCRIBE", false);

function subscription(verb: string, subscribed: boolean): Command {
  return {
    names: [verb],
    when: "after-login",
    allowExpunge: true,
    async run(session, parser) {
      parser.sp();
      const written = parser.mailbox();
      parser.end();
      const { state } = session.access;
      const name = subscribed ? newFolderName(written) : canonicalFolderName(written);
      // Asked twice: nothing new happened, so there is no event.
      if (state.subscriptions.has(name) !== subscribed) {
        const data = { name, subscribed };
        const [result] = await session.access.commit([{ type: "FolderSubscriptionChanged", data }]);
        if (result !== undefined) throwIfRefused(result.outcome);
      }
      return completed(verb);
    },
  };
}
