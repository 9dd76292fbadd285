import type { DomainEvent, FolderId, MessageId, VerdictId } from "@mailfold/kernel";

/** Where a message body lies: tenant + SHA-256 (hex) of the bytes, and its length. Bodies are never in events. */
export interface BodyRef {
  readonly tenantId: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** RFC 6154 names without the backslash, lower case. */
export type SpecialUse = "drafts" | "sent" | "junk" | "trash" | "archive";

/** `name` uses "/" as hierarchy delimiter, real Unicode (not modified UTF-7). */
export type FolderCreated = DomainEvent<
  "FolderCreated",
  { readonly folderId: FolderId; readonly name: string; readonly specialUse?: SpecialUse }
>;
/** Renames the folder and its children. The fold refuses (outcome) when the new name is taken. */
export type FolderRenamed = DomainEvent<"FolderRenamed", { readonly folderId: FolderId; readonly name: string }>;
export type FolderDeleted = DomainEvent<"FolderDeleted", { readonly folderId: FolderId }>;
/** Subscriptions are by name and outlive the folder (RFC 3501 6.3.6). */
export type FolderSubscriptionChanged = DomainEvent<
  "FolderSubscriptionChanged",
  { readonly name: string; readonly subscribed: boolean }
>;

/**
 * A message enters a folder, by SMTP (transactionId, verdictId set) or by APPEND. The stored message is
 * `prefix` (CRLF trace headers of this delivery) followed by the body. deliveryId = UUIDv5(transaction, recipient).
 */
export type MessageDelivered = DomainEvent<
  "MessageDelivered",
  {
    readonly deliveryId: string;
    /** `name`: a rule's folder, made under this id when no folder has the name. A folder that is not there is INBOX. */
    readonly folder:
      | { readonly id: FolderId }
      | { readonly specialUse: SpecialUse }
      | { readonly name: string; readonly folderId: FolderId }
      | "INBOX";
    readonly body: BodyRef;
    readonly prefix: string;
    /** prefix + body, octets. */
    readonly sizeBytes: number;
    /** Milliseconds since the epoch. */
    readonly internalDate: number;
    readonly flags: readonly string[];
    readonly transactionId?: MessageId;
    readonly verdictId?: VerdictId;
  }
>;
/** `uids`: an IMAP sequence-set of announced UIDs, never `*`. unchangedSince: RFC 7162 mod-sequence. */
export type FlagsChanged = DomainEvent<
  "FlagsChanged",
  {
    readonly folderId: FolderId;
    readonly uids: string;
    readonly operation: "set" | "add" | "remove";
    readonly flags: readonly string[];
    readonly unchangedSince?: number;
    /**
     * Verdicts of messages that gain \Seen, or where `flags` has it \Answered, by this: at most 50, none in Junk. What
     * blacklists learn from reading.
     */
    readonly firstRead?: readonly VerdictId[];
  }
>;
export type MessagesCopied = DomainEvent<
  "MessagesCopied",
  { readonly folderId: FolderId; readonly uids: string; readonly targetId: FolderId }
>;
export type MessagesMoved = DomainEvent<
  "MessagesMoved",
  { readonly folderId: FolderId; readonly uids: string; readonly targetId: FolderId }
>;
/** Removes those of `uids` that still carry \Deleted when `onlyDeleted`. */
export type MessagesExpunged = DomainEvent<
  "MessagesExpunged",
  { readonly folderId: FolderId; readonly uids: string; readonly onlyDeleted: boolean }
>;
export type MailEvent =
  | FolderCreated
  | FolderRenamed
  | FolderDeleted
  | FolderSubscriptionChanged
  | MessageDelivered
  | FlagsChanged
  | MessagesCopied
  | MessagesMoved
  | MessagesExpunged;
