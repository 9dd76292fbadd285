import type {
  AliasId,
  DomainId,
  EventId,
  FolderId,
  HoldId,
  IdKind,
  ListingId,
  MailboxId,
  MessageId,
  PardonId,
  ResellerId,
  SenderEntryId,
  ShadowId,
  SimulationId,
  TenantId,
  TokenId,
  VerdictId,
} from "@mailfold/kernel";
import { idPrefixes } from "@mailfold/kernel";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { deriveUuid, formatUuid, uuidBytes, uuidV7Bytes } from "./uuid.ts";

/** The branded type of each kind of id. */
export interface IdTypes {
  readonly reseller: ResellerId;
  readonly tenant: TenantId;
  readonly domain: DomainId;
  readonly mailbox: MailboxId;
  readonly alias: AliasId;
  readonly token: TokenId;
  readonly senderEntry: SenderEntryId;
  readonly folder: FolderId;
  readonly message: MessageId;
  readonly verdict: VerdictId;
  readonly hold: HoldId;
  readonly listing: ListingId;
  readonly pardon: PardonId;
  readonly shadow: ShadowId;
  readonly simulation: SimulationId;
  readonly event: EventId;
}

/** A new id that the system makes: prefix + UUIDv7 in base32, so it sorts by creation within this process. */
export function newId<K extends IdKind>(kind: K): IdTypes[K] {
  return idFromBytes(kind, uuidV7Bytes());
}

/**
 * The id of what a command with a commandId makes: UUIDv8 from HMAC(key; kind, parts), e.g. parts = token subject,
 * operation, commandId. A retried create finds its own stream.
 */
export function deriveId<K extends IdKind>(kind: K, key: Uint8Array, ...parts: readonly string[]): IdTypes[K] {
  return idFromUuid(kind, deriveUuid(key, kind, ...parts));
}

/** A UUID under a kind's prefix; throws when it is not a UUID. */
export function idFromUuid<K extends IdKind>(kind: K, uuid: string): IdTypes[K] {
  return idFromBytes(kind, uuidBytes(uuid));
}

function idFromBytes<K extends IdKind>(kind: K, bytes: Buffer): IdTypes[K] {
  return `${idPrefixes[kind]}_${encodeBase32(bytes)}` as IdTypes[K];
}

/** The UUID inside an id of any kind; throws on a malformed id, so parse what comes from outside first. */
export function uuidFromId(id: string): string {
  const bytes = decodeBase32(id.slice(id.indexOf("_") + 1));
  if (bytes === undefined) throw new Error(`not an id: ${JSON.stringify(id).slice(0, 60)}`);
  return formatUuid(bytes);
}

/** Text from outside as an id of this kind, or undefined. */
export function parseId<K extends IdKind>(kind: K, text: string): IdTypes[K] | undefined {
  const prefix = `${idPrefixes[kind]}_`;
  if (!text.startsWith(prefix)) return undefined;
  return decodeBase32(text.slice(prefix.length)) === undefined ? undefined : (text as IdTypes[K]);
}

/** Which kind of object an id names, for node(id:); undefined when it names none. */
export function kindOfId(text: string): IdKind | undefined {
  for (const kind of Object.keys(idPrefixes) as IdKind[]) {
    if (parseId(kind, text) !== undefined) return kind;
  }
  return undefined;
}
