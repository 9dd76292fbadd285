import { type Scope, scopeId } from "@mailfold/domain";
import { EntryRows, keyBytesMax } from "./entry-rows.ts";
import { formatIpPrefix, type IpAddress, type IpPrefix } from "./ip-address.ts";
import { hashKey, type KeyScratch, readIpKey, writeIpKey, writeTextKey } from "./key-scratch.ts";
import { RowIndex } from "./row-index.ts";

/** Lists that share one store. `relay` holds relayAddresses, `denial` short-lived denials. */
const listCodes = { accept: 0, kill: 1, relay: 2, denial: 3 } as const;
export type ListName = keyof typeof listCodes;
const listNames: readonly ListName[] = ["accept", "kill", "relay", "denial"];

/** Kinds of key. An IP or CIDR is a prefix of its family. */
export const keyKinds = { ipv4: 0, ipv6: 1, host: 2, address: 3, domain: 4, suffix: 5 } as const;
export type KeyKind = keyof typeof keyKinds;
const kindNames: readonly KeyKind[] = ["ipv4", "ipv6", "host", "address", "domain", "suffix"];
const decoder = new TextDecoder();

/** What an entry is stored under. */
export interface ListKey {
  readonly scope: Scope;
  readonly list: ListName;
  readonly kind: KeyKind;
  /** Of ipv4 and ipv6 ... */
  readonly prefix?: IpPrefix;
  /** ... and of the others. */
  readonly text?: string;
}
export interface ListEntry extends ListKey {
  readonly entryId: string;
  readonly byEvent: string;
  readonly expiresAt: number | undefined;
  readonly trustUnverified: boolean;
  /** Also found by `tenantsNaming`: the entry may decide for whom a peer relays. */
  readonly namesPeer: boolean;
}

/** What a scope's entries look like, so that lookups only try what may exist. May claim more than a snapshot has. */
export interface ScopeShape {
  readonly number: number;
  readonly scope: Scope;
  /** Prefix lengths in use, longest first. */
  readonly ipv4Lengths: number[];
  readonly ipv6Lengths: number[];
  readonly suffixLengths: number[];
  hosts: boolean;
  addresses: boolean;
  domains: boolean;
}

function emptyShape(number: number, scope: Scope): ScopeShape {
  return {
    number,
    scope,
    ipv4Lengths: [],
    ipv6Lengths: [],
    suffixLengths: [],
    hosts: false,
    addresses: false,
    domains: false,
  };
}

function insertDescending(lengths: number[], length: number): void {
  const at = lengths.findIndex((have) => have <= length);
  if (at < 0) lengths.push(length);
  else if (lengths[at] !== length) lengths.splice(at, 0, length);
}

/** Canonical text of a key's pattern. */
export function patternOf(key: Pick<ListKey, "kind" | "prefix" | "text">): string {
  if (key.prefix) return formatIpPrefix(key.prefix);
  const text = key.text ?? "";
  if (key.kind === "domain") return `@${text}`;
  return key.kind === "suffix" ? `@*${text}` : text;
}

/** Which list a row belongs to. */
export function listOfTag(tag: number): ListName {
  return listNames[(tag >>> 3) & 3] as ListName;
}

/**
 * The one mutable heart of all list snapshots: append-only rows, found by hash of (scope, kind, prefix length, key), so
 * a lookup costs one probe per prefix length in use. Adding or removing touches one row; snapshots are sequence numbers.
 */
export class ListStore {
  readonly rows = new EntryRows();
  /** Sequence number of the newest snapshot. */
  sequence = 0;
  removed = 0;
  readonly shapes: ScopeShape[] = [emptyShape(0, { kind: "platform" })];
  readonly #shapeOf = new Map<string, ScopeShape>();
  readonly #byKey = new RowIndex((row) => this.rows.hash(row));
  readonly #byPeer = new RowIndex((row) => this.#peerHash(row));
  readonly scratch: KeyScratch = { bytes: new Uint8Array(keyBytesMax), length: 0 };

  shape(id: string): ScopeShape | undefined {
    return this.#shapeOf.get(id);
  }

  /** Shape of every tenant entry that names a peer: what `peerRow` may find. */
  get peerShape(): ScopeShape {
    return this.shapes[0] as ScopeShape;
  }

  insert(entry: ListEntry): void {
    const shape = this.#shapeFor(entry.scope);
    const tag =
      keyKinds[entry.kind] |
      (listCodes[entry.list] << 3) |
      (entry.trustUnverified ? 32 : 0) |
      (entry.namesPeer ? 64 : 0);
    this.#writeKey(entry);
    const prefixLength = entry.prefix?.length ?? 0;
    const hash = this.keyHash(shape.number, entry.kind, prefixLength);
    const { entryId, byEvent, expiresAt } = entry;
    const key = this.scratch.bytes.subarray(0, this.scratch.length);
    const packed = { tag, prefixLength, scope: shape.number, hash, key, entryId, byEvent, expiresAt };
    const row = this.rows.append(packed, this.sequence);
    this.#byKey.add(row, hash);
    this.#widen(shape, entry);
    if (!entry.namesPeer) return;
    this.#widen(this.peerShape, entry);
    const slot = this.#peerSlot(tag & 39, prefixLength);
    const head = this.#byPeer.rowAt(slot);
    if (head < 0) this.#byPeer.add(row, this.#peerHash(row));
    else {
      this.rows.link(row, head);
      this.#byPeer.replace(slot, row);
    }
  }

  /** The row stored under a key and seen at `sequence`, or -1. */
  rowOf(key: ListKey, sequence: number): number {
    const shape = this.#shapeOf.get(scopeId(key.scope));
    if (!shape) return -1;
    this.#writeKey(key);
    const prefixLength = key.prefix?.length ?? 0;
    const tag = keyKinds[key.kind] | (listCodes[key.list] << 3);
    const hash = this.keyHash(shape.number, key.kind, prefixLength);
    let slot = this.#byKey.start(hash);
    for (let row = this.#byKey.rowAt(slot); row >= 0; row = this.#byKey.rowAt(slot)) {
      if ((this.rows.tag(row) & 31) === tag && this.#same(row, shape.number, prefixLength, hash)) {
        if (this.rows.visible(row, sequence)) return row;
      }
      slot = this.#byKey.next(slot);
    }
    return -1;
  }

  /** Hash of the key in `scratch`. */
  keyHash(scope: number, kind: KeyKind, prefixLength: number): number {
    return hashKey(this.scratch, scope * 8 + keyKinds[kind] + prefixLength * 0x1000000);
  }

  /** Visits a scope's rows, of any list, under the key in `scratch`. */
  eachRow(shape: ScopeShape, kind: KeyKind, prefixLength: number, visit: (row: number, tag: number) => void): void {
    const hash = this.keyHash(shape.number, kind, prefixLength);
    let slot = this.#byKey.start(hash);
    for (let row = this.#byKey.rowAt(slot); row >= 0; row = this.#byKey.rowAt(slot)) {
      const tag = this.rows.tag(row);
      if ((tag & 7) === keyKinds[kind] && this.#same(row, shape.number, prefixLength, hash)) visit(row, tag);
      slot = this.#byKey.next(slot);
    }
  }

  /**
   * The newest row that names a peer by the key in `scratch`, -1 = none; `rows.linked` walks on to the others. Rows with
   * and without trustUnverified are apart, since many tenants may list one popular domain.
   */
  peerRow(kind: KeyKind, prefixLength: number, trusting: boolean): number {
    const slot = this.#peerSlot(keyKinds[kind] | (trusting ? 32 : 0), prefixLength);
    return this.#byPeer.rowAt(slot);
  }

  /** An entry as it was added. */
  entryAt(row: number): ListEntry {
    const tag = this.rows.tag(row);
    const expiresAt = this.rows.expiresAt(row);
    const kind = kindNames[tag & 7] as KeyKind;
    const key = this.rows.key(row);
    const isIp = kind === "ipv4" || kind === "ipv6";
    return {
      scope: (this.shapes[this.rows.scope(row)] as ScopeShape).scope,
      list: listOfTag(tag),
      kind,
      ...(isIp ? { prefix: readIpKey(key, this.rows.prefixLength(row)) } : { text: decoder.decode(key) }),
      entryId: this.rows.entryId(row),
      byEvent: this.rows.byEvent(row),
      expiresAt: expiresAt === Number.POSITIVE_INFINITY ? undefined : expiresAt,
      trustUnverified: (tag & 32) !== 0,
      namesPeer: (tag & 64) !== 0,
    };
  }

  writeIp(ip: IpAddress, prefixLength: number): void {
    writeIpKey(this.scratch, ip, prefixLength);
  }
  writeText(text: string, from: number): void {
    writeTextKey(this.scratch, text, from);
  }

  #same(row: number, scope: number, prefixLength: number, hash: number): boolean {
    return (
      this.rows.hash(row) === hash &&
      this.rows.scope(row) === scope &&
      this.rows.prefixLength(row) === prefixLength &&
      this.rows.keyEquals(row, this.scratch.bytes, this.scratch.length)
    );
  }

  /** Slot of the chain of the key in `scratch`, or the free slot where the walk ends. `tag` = kind and trust bits. */
  #peerSlot(tag: number, prefixLength: number): number {
    let slot = this.#byPeer.start(hashKey(this.scratch, tag + prefixLength * 0x1000000));
    for (let row = this.#byPeer.rowAt(slot); row >= 0; row = this.#byPeer.rowAt(slot)) {
      const same = (this.rows.tag(row) & 39) === tag && this.rows.prefixLength(row) === prefixLength;
      if (same && this.rows.keyEquals(row, this.scratch.bytes, this.scratch.length)) return slot;
      slot = this.#byPeer.next(slot);
    }
    return slot;
  }

  #peerHash(row: number): number {
    const key = this.rows.key(row);
    const scratch = { bytes: key, length: key.length };
    return hashKey(scratch, (this.rows.tag(row) & 39) + this.rows.prefixLength(row) * 0x1000000);
  }

  #writeKey(key: ListKey): void {
    if (key.prefix) this.writeIp(key.prefix, key.prefix.length);
    else this.writeText(key.text ?? "", 0);
  }

  #shapeFor(scope: Scope): ScopeShape {
    const id = scopeId(scope);
    let shape = this.#shapeOf.get(id);
    if (!shape) {
      shape = emptyShape(this.shapes.length, scope);
      this.shapes.push(shape);
      this.#shapeOf.set(id, shape);
    }
    return shape;
  }

  #widen(shape: ScopeShape, entry: ListKey): void {
    if (entry.kind === "ipv4") insertDescending(shape.ipv4Lengths, entry.prefix?.length ?? 32);
    else if (entry.kind === "ipv6") insertDescending(shape.ipv6Lengths, entry.prefix?.length ?? 128);
    else if (entry.kind === "suffix") insertDescending(shape.suffixLengths, (entry.text ?? "").length);
    else if (entry.kind === "host") shape.hosts = true;
    else if (entry.kind === "address") shape.addresses = true;
    else shape.domains = true;
  }
}
