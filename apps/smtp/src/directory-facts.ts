import type { DomainFact, Facts, LoginFact, RecipientFact } from "@mailfold/policy";
import type { Directory, MailboxRecord } from "@mailfold/projection-directory";
import type { Account } from "@mailfold/sasl";
import { domainOf } from "./envelope-address.ts";

/** Who owns a domain name here; undefined when nobody. */
export function domainFact(directory: Directory, name: string): DomainFact | undefined {
  const domain = directory.domainByName(name);
  if (domain === undefined) return undefined;
  const switches = directory.tenant(domain.tenantId)?.switches;
  return {
    domainId: domain.domainId,
    tenantId: domain.tenantId,
    resellerId: domain.resellerId,
    name: domain.name,
    verified: domain.verified,
    tenantInboundOff: switches?.inbound ?? false,
    tenantSubmissionOff: switches?.submission ?? false,
  };
}

/** What the directory says of a canonical recipient address. */
export function recipientFact(directory: Directory, address: string): RecipientFact {
  const domain = domainFact(directory, domainOf(address));
  if (domain === undefined) return { kind: "foreign" };
  const mailboxes = directory.resolve(address);
  if (mailboxes === undefined || mailboxes.length === 0) return { kind: "unknown", domain };
  return { kind: "local", domain, targets: mailboxes.map(target) };
}

function target(mailbox: MailboxRecord) {
  return {
    mailboxId: mailbox.mailboxId,
    address: mailbox.address,
    suspended: mailbox.status !== "active",
    overQuota: mailbox.quotaBytes > 0 && mailbox.usedBytes >= mailbox.quotaBytes,
  };
}

/** Owner of a canonical sender address; null = not ours. */
export function senderOwner(directory: Directory, address: string): NonNullable<Facts["senderOwner"]> | null {
  const domain = domainFact(directory, domainOf(address));
  if (domain === undefined) return null;
  const mailbox = directory.mailboxByAddress(address);
  const isAddress = mailbox !== undefined || directory.aliasByAddress(address) !== undefined;
  return { domain, isAddress, ...(mailbox === undefined ? {} : { mailboxId: mailbox.mailboxId }) };
}

/**
 * The facts of a login that the authenticator vouched for, as they are now: a mailbox or tenant that may no longer log in
 * may no longer send either, though its session is still open.
 */
export function loginFact(directory: Directory, account: Omit<Account, "quotaBytes">): LoginFact {
  const switches = directory.tenant(account.tenantId)?.switches;
  const isActive = directory.mailbox(account.mailboxId)?.status === "active";
  return {
    mailboxId: account.mailboxId,
    tenantId: account.tenantId,
    resellerId: account.resellerId,
    domainId: account.domainId,
    address: account.address,
    ownAddresses: directory.addressesOf(account.mailboxId),
    submissionOff: !isActive || switches === undefined || switches.submission || switches.login,
  };
}
