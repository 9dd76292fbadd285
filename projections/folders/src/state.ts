import type { BodyRef, SpecialUse } from "@mailfold/events";
import type { FolderId, MessageId, VerdictId } from "@mailfold/kernel";

/** One message in one folder. */
export interface FolderMessage {
  readonly uid: number;
  readonly body: BodyRef;
  readonly prefix: string;
  readonly sizeBytes: number;
  /** ms since the epoch */
  readonly internalDate: number;
  /** Sorted, system flags with backslash; never \Recent. */
  readonly flags: readonly string[];
  /** Stream revision + 1 of the last event that changed it. */
  readonly modseq: number;
  readonly transactionId?: MessageId;
  readonly verdictId?: VerdictId;
}

export interface Folder {
  readonly folderId: FolderId;
  readonly name: string;
  readonly specialUse?: SpecialUse;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModseq: number;
  /** Ascending by uid. */
  readonly messages: readonly FolderMessage[];
}

/** Read view of a mailbox's folders. */
export interface MailboxState {
  readonly folders: ReadonlyMap<FolderId, Folder>;
  /** Names, subscribed, may lack a folder. */
  readonly subscriptions: ReadonlySet<string>;
  readonly totalBytes: number;
  readonly totalMessages: number;
  /** Finds by IMAP name; INBOX in any case. */
  folderByName(name: string): Folder | undefined;
}

/** What one event turned out to mean. */
export type FolderOutcome =
  | { readonly type: "folderCreated"; readonly folderId: FolderId; readonly uidValidity: number }
  | { readonly type: "folderRenamed"; readonly folderId: FolderId }
  | { readonly type: "folderDeleted"; readonly folderId: FolderId }
  | {
      readonly type: "refused";
      readonly cause: "name-taken" | "no-such-folder" | "inbox" | "has-children" | "too-many" | "bad-name";
    }
  | { readonly type: "subscriptionChanged" }
  | { readonly type: "delivered"; readonly folderId: FolderId; readonly uid: number; readonly uidValidity: number }
  /** A deliveryId seen before. */
  | { readonly type: "ignored" }
  | {
      readonly type: "flagsChanged";
      readonly folderId: FolderId;
      readonly changed: readonly number[];
      /** UIDs that failed unchangedSince. */
      readonly modified: readonly number[];
    }
  | {
      readonly type: "copied" | "moved";
      readonly folderId: FolderId;
      readonly targetId: FolderId;
      readonly uidValidity: number;
      /** Pairwise: sourceUids[i] became targetUids[i]. */
      readonly sourceUids: readonly number[];
      readonly targetUids: readonly number[];
    }
  | { readonly type: "expunged"; readonly folderId: FolderId; readonly uids: readonly number[] };
