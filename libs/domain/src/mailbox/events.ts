import type { DomainEvent, DomainId, MailboxId, Sealed, TenantId } from "@mailfold/kernel";

/** `verifier` is a sealed Argon2id PHC string. `address` is canonical (lower-case A-label domain). */
export type MailboxCreated = DomainEvent<
  "MailboxCreated",
  {
    readonly mailboxId: MailboxId;
    readonly tenantId: TenantId;
    readonly domainId: DomainId;
    readonly address: string;
    readonly displayName?: string;
    readonly quotaBytes: number;
    readonly verifier: Sealed;
  }
>;
export type MailboxUpdated = DomainEvent<
  "MailboxUpdated",
  { readonly mailboxId: MailboxId; readonly displayName?: string; readonly quotaBytes?: number }
>;
export type MailboxPasswordSet = DomainEvent<
  "MailboxPasswordSet",
  { readonly mailboxId: MailboxId; readonly verifier: Sealed }
>;
export type MailboxSuspended = DomainEvent<
  "MailboxSuspended",
  { readonly mailboxId: MailboxId; readonly reason: string; readonly note?: string }
>;
export type MailboxResumed = DomainEvent<"MailboxResumed", { readonly mailboxId: MailboxId }>;
/** Soft: mail stays until an erase; the address is released. */
export type MailboxDeleted = DomainEvent<"MailboxDeleted", { readonly mailboxId: MailboxId; readonly address: string }>;
export type MailboxRestored = DomainEvent<
  "MailboxRestored",
  { readonly mailboxId: MailboxId; readonly address: string }
>;
export type MailboxEvent =
  | MailboxCreated
  | MailboxUpdated
  | MailboxPasswordSet
  | MailboxSuspended
  | MailboxResumed
  | MailboxDeleted
  | MailboxRestored;
