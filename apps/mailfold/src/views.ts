import type { RowsProjection } from "@mailfold/kernel";
import { auditTrail } from "@mailfold/projection-audit-trail";
import { directoryProjection, mailboxUsageRow, mailboxUsageTable } from "@mailfold/projection-directory";
import type { MailboxState } from "@mailfold/projection-folders";
import { bodiesOf, foldersFold } from "@mailfold/projection-folders";
import { listings } from "@mailfold/projection-listings";
import { messageTrace } from "@mailfold/projection-message-trace";
import { outboundQueue } from "@mailfold/projection-outbound-queue";
import { policyIndex } from "@mailfold/projection-policy-index";
import { quarantine } from "@mailfold/projection-quarantine";
import { shadows, shadowVerdicts } from "@mailfold/projection-shadows";
import { type Summary, summaryProjection } from "@mailfold/read-store";

/** Every rows projection that this program runs. */
export const projections: readonly RowsProjection[] = [
  directoryProjection,
  policyIndex,
  auditTrail,
  messageTrace,
  outboundQueue,
  quarantine,
  listings,
  shadows,
  shadowVerdicts,
];

/** How many octets and messages each mailbox holds, and which bodies it still needs: kept from the folders fold. */
export const mailboxUsage: Summary<MailboxState> = {
  fold: foldersFold,
  table: mailboxUsageTable,
  summarise: mailboxUsageRow,
  bodies: bodiesOf,
  releasedBy: ["MessagesExpunged", "MessagesMoved", "FolderDeleted"],
};

/** The usage rows, as readers name them. */
export const mailboxUsageProjection: RowsProjection = summaryProjection(mailboxUsage);

/** Views that must be current before mail is decided and logins are checked. */
export const decidingViews: readonly string[] = [directoryProjection.name];
