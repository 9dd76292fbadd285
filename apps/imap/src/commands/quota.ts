import { mailboxUsage } from "@mailfold/projection-folders";
import type { MailAccess } from "../mailbox/mail-access.ts";
import { Refused } from "../wire/command-parser.ts";

/** Refuses what would take the mailbox over its quota (RFC 5530 section 3, OVERQUOTA). */
export function refuseOverQuota(access: MailAccess, bytes: number): void {
  if (mailboxUsage(access.state).bytes + bytes > access.quotaBytes) throw new Refused("Mailbox is full", "OVERQUOTA");
}
