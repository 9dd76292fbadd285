import type { BodyRef, SpecialUse } from "@mailfold/events";
import type { FolderId, FoldWorld } from "@mailfold/kernel";
import { FlagPool } from "./flags.ts";
import { canonicalFolderName } from "./names.ts";
import type { Folder, FolderMessage, MailboxState } from "./state.ts";

/** Delivery ids remembered to ignore a repeated delivery. */
const deliveriesRemembered = 4_096;

/** A folder as the fold changes it. `ordinal` = creates and renames in the stream up to its own: UIDVALIDITY's second part. */
export class StoredFolder implements Folder {
  readonly folderId: FolderId;
  name: string;
  readonly specialUse?: SpecialUse;
  ordinal: number;
  uidNext = 1;
  highestModseq: number;
  messages: FolderMessage[] = [];
  readonly #epochSeconds: number;

  constructor(
    place: { readonly folderId: FolderId; readonly name: string; readonly specialUse?: SpecialUse | undefined },
    ordinal: number,
    modseq: number,
    epochSeconds: number,
  ) {
    this.folderId = place.folderId;
    this.name = place.name;
    if (place.specialUse !== undefined) this.specialUse = place.specialUse;
    this.ordinal = ordinal;
    this.highestModseq = modseq;
    this.#epochSeconds = epochSeconds;
  }

  /** architecture.md 5: seconds of the latest restore + the stream's count of creates and renames. */
  get uidValidity(): number {
    return this.#epochSeconds + this.ordinal;
  }
}

/** Mutable state of one mailbox; holders see it as MailboxState. */
export class StoredMailbox implements MailboxState {
  readonly folders = new Map<FolderId, StoredFolder>();
  readonly subscriptions = new Set<string>();
  totalBytes = 0;
  totalMessages = 0;
  /** Folder creates and renames so far. */
  ordinal = 0;
  readonly flagPool = new FlagPool();
  readonly epochSeconds: number;
  readonly #byName = new Map<string, StoredFolder>();
  readonly #deliveries = new Set<string>();
  readonly #tenants = new Map<string, string>();

  constructor(world: FoldWorld) {
    this.epochSeconds = Math.floor(world.restoredAt / 1000);
  }

  folderByName(name: string): StoredFolder | undefined {
    return this.#byName.get(canonicalFolderName(name));
  }

  folderBySpecialUse(use: SpecialUse): StoredFolder | undefined {
    for (const folder of this.folders.values()) if (folder.specialUse === use) return folder;
    return undefined;
  }

  get inbox(): StoredFolder {
    const inbox = this.#byName.get("INBOX");
    if (inbox === undefined) throw new Error("invariant broken: a mailbox without INBOX");
    return inbox;
  }

  addFolder(folder: StoredFolder): void {
    this.folders.set(folder.folderId, folder);
    this.#byName.set(folder.name, folder);
  }

  removeFolder(folder: StoredFolder): void {
    this.folders.delete(folder.folderId);
    this.#byName.delete(folder.name);
    this.forget(folder.messages);
  }

  /** Moves several folders to new names at once, so that a chain of names cannot collide with itself. */
  renameFolders(moves: readonly (readonly [StoredFolder, string])[]): void {
    for (const [folder] of moves) this.#byName.delete(folder.name);
    for (const [folder, name] of moves) {
      folder.name = name;
      this.#byName.set(name, folder);
    }
  }

  /** Adds a message under the folder's next UID. */
  admit(folder: StoredFolder, message: Omit<FolderMessage, "uid">): number {
    const uid = folder.uidNext;
    folder.uidNext += 1;
    folder.highestModseq = message.modseq;
    folder.messages.push({ uid, ...message });
    this.totalBytes += message.sizeBytes;
    this.totalMessages += 1;
    return uid;
  }

  /** Takes messages that left a folder out of the totals. */
  forget(messages: readonly FolderMessage[]): void {
    for (const message of messages) this.totalBytes -= message.sizeBytes;
    this.totalMessages -= messages.length;
  }

  /** False when this delivery was seen before; remembers it otherwise. */
  firstDelivery(deliveryId: string): boolean {
    if (this.#deliveries.has(deliveryId)) return false;
    if (this.#deliveries.size >= deliveriesRemembered) {
      for (const oldest of this.#deliveries) {
        this.#deliveries.delete(oldest);
        break;
      }
    }
    this.#deliveries.add(deliveryId);
    return true;
  }

  get deliveries(): Iterable<string> {
    return this.#deliveries;
  }

  /** A body reference that shares its tenant's text with all others. */
  bodyRef(ref: BodyRef): BodyRef {
    const tenantId = this.#tenants.get(ref.tenantId) ?? ref.tenantId;
    this.#tenants.set(tenantId, tenantId);
    return { tenantId, sha256: ref.sha256, sizeBytes: ref.sizeBytes };
  }
}
