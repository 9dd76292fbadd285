import type { BodyRef, SpecialUse } from "@mailfold/events";
import type { FolderId, FoldWorld, MessageId, VerdictId } from "@mailfold/kernel";
import { StoredFolder, StoredMailbox } from "./mailbox.ts";
import type { FolderMessage } from "./state.ts";

/** A message as a row; bodies and flags are indexes into shared lists. Trailing ids are left out when absent. */
type MessageRow = readonly [
  uid: number,
  body: number,
  prefix: string,
  sizeBytes: number,
  internalDate: number,
  flags: number,
  modseq: number,
  transactionId?: string | 0,
  verdictId?: string | 0,
];
type FolderRow = readonly [
  folderId: string,
  name: string,
  specialUse: string | 0,
  ordinal: number,
  uidNext: number,
  highestModseq: number,
  messages: readonly MessageRow[],
];
interface Snapshot {
  readonly ordinal: number;
  readonly tenants: readonly string[];
  readonly bodies: readonly (readonly [tenant: number, sha256: string, sizeBytes: number])[];
  readonly flags: readonly (readonly string[])[];
  readonly folders: readonly FolderRow[];
  readonly subscriptions: readonly string[];
  readonly deliveries: readonly string[];
}

/** Numbers things in order of first sight. */
class Numbering<T> {
  readonly #numbers = new Map<string | object, number>();
  readonly items: T[] = [];

  of(key: string | object, item: T): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.items.length);
    return this.items.push(item) - 1;
  }
}

/** JSON, UTF-8. UIDVALIDITY is not in it: it follows from the ordinals and the log's latest restore. */
export function writeSnapshot(mailbox: StoredMailbox): Uint8Array {
  const tenants = new Numbering<string>();
  const bodies = new Numbering<readonly [number, string, number]>();
  const flags = new Numbering<readonly string[]>();
  const row = (message: FolderMessage): MessageRow => {
    const { tenantId, sha256, sizeBytes } = message.body;
    const body = bodies.of(`${tenantId}/${sha256}`, [tenants.of(tenantId, tenantId), sha256, sizeBytes]);
    const flagSet = flags.of(message.flags, message.flags);
    const { uid, prefix, internalDate, modseq, transactionId, verdictId } = message;
    const base = [uid, body, prefix, message.sizeBytes, internalDate, flagSet, modseq] as const;
    if (transactionId === undefined && verdictId === undefined) return base;
    return [...base, transactionId ?? 0, verdictId ?? 0];
  };
  const folders = [...mailbox.folders.values()].map(
    (folder): FolderRow => [
      folder.folderId,
      folder.name,
      folder.specialUse ?? 0,
      folder.ordinal,
      folder.uidNext,
      folder.highestModseq,
      folder.messages.map(row),
    ],
  );
  const snapshot: Snapshot = {
    ordinal: mailbox.ordinal,
    tenants: tenants.items,
    bodies: bodies.items,
    flags: flags.items,
    folders,
    subscriptions: [...mailbox.subscriptions],
    deliveries: [...mailbox.deliveries],
  };
  return new TextEncoder().encode(JSON.stringify(snapshot));
}

/** The state that writeSnapshot wrote, under the log's latest restore. */
export function readSnapshot(bytes: Uint8Array, world: FoldWorld): StoredMailbox {
  const snapshot = JSON.parse(new TextDecoder().decode(bytes)) as Snapshot;
  const mailbox = new StoredMailbox(world);
  mailbox.ordinal = snapshot.ordinal;
  const bodies = snapshot.bodies.map(([tenant, sha256, sizeBytes]) =>
    mailbox.bodyRef({ tenantId: snapshot.tenants[tenant] as string, sha256, sizeBytes }),
  );
  const flags = snapshot.flags.map((set) => mailbox.flagPool.of(set));
  for (const [folderId, name, use, ordinal, uidNext, highestModseq, rows] of snapshot.folders) {
    const specialUse = use === 0 ? undefined : (use as SpecialUse);
    const place = { folderId: folderId as FolderId, name, specialUse };
    const folder = new StoredFolder(place, ordinal, highestModseq, mailbox.epochSeconds);
    folder.uidNext = uidNext;
    folder.messages = rows.map((row) => messageOf(row, bodies, flags));
    for (const message of folder.messages) mailbox.totalBytes += message.sizeBytes;
    mailbox.totalMessages += folder.messages.length;
    mailbox.addFolder(folder);
  }
  for (const name of snapshot.subscriptions) mailbox.subscriptions.add(name);
  for (const delivery of snapshot.deliveries) mailbox.firstDelivery(delivery);
  return mailbox;
}

function messageOf(row: MessageRow, bodies: readonly BodyRef[], flags: readonly (readonly string[])[]): FolderMessage {
  const [uid, body, prefix, sizeBytes, internalDate, flagSet, modseq, transactionId, verdictId] = row;
  return {
    uid,
    body: bodies[body] as BodyRef,
    prefix,
    sizeBytes,
    internalDate,
    flags: flags[flagSet] as readonly string[],
    modseq,
    ...(transactionId ? { transactionId: transactionId as MessageId } : {}),
    ...(verdictId ? { verdictId: verdictId as VerdictId } : {}),
  };
}
