import { packEntryId, packUuid, unpackEntryId, unpackUuid } from "./packed-id.ts";

/** Rows per chunk; the first chunk starts small and doubles, so that a small policy stays small. */
const chunkRows = 8_192;
const firstChunkRows = 16;
const segmentBytes = 65_536;
const firstSegmentBytes = 256;
/** Longest key: an address of 320 characters in UTF-8. */
export const keyBytesMax = 1_300;

/** One entry before it is packed; `key` are the octets compared, `tag` says what kind of key and which list. */
export interface PackedEntry {
  readonly tag: number;
  readonly prefixLength: number;
  readonly scope: number;
  readonly hash: number;
  readonly key: Uint8Array;
  readonly entryId: string;
  readonly byEvent: string;
  /** ms since the epoch; undefined = never. */
  readonly expiresAt: number | undefined;
}

interface Chunk {
  capacity: number;
  ids: Uint32Array;
  events: Uint32Array;
  hashes: Uint32Array;
  scopes: Uint32Array;
  tags: Uint8Array;
  prefixLengths: Uint8Array;
  keyOffsets: Uint32Array;
  keyLengths: Uint16Array;
  added: Uint32Array;
  /** Allocated when the first row of the chunk is removed, or has an expiry: most never are. */
  removed: Uint32Array | undefined;
  expires: Float64Array | undefined;
  /** Row + 1 of the next row in the same chain, 0 = end. */
  links: Uint32Array | undefined;
}

function grown<T extends Uint32Array | Uint16Array | Uint8Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function emptyChunk(capacity: number): Chunk {
  return {
    capacity,
    ids: new Uint32Array(capacity * 4),
    events: new Uint32Array(capacity * 4),
    hashes: new Uint32Array(capacity),
    scopes: new Uint32Array(capacity),
    tags: new Uint8Array(capacity),
    prefixLengths: new Uint8Array(capacity),
    keyOffsets: new Uint32Array(capacity),
    keyLengths: new Uint16Array(capacity),
    added: new Uint32Array(capacity),
    removed: undefined,
    expires: undefined,
    links: undefined,
  };
}

function doubled(old: Chunk): Chunk {
  const next = emptyChunk(old.capacity * 2);
  grown(old.ids, next.ids);
  grown(old.events, next.events);
  grown(old.hashes, next.hashes);
  grown(old.scopes, next.scopes);
  grown(old.tags, next.tags);
  grown(old.prefixLengths, next.prefixLengths);
  grown(old.keyOffsets, next.keyOffsets);
  grown(old.keyLengths, next.keyLengths);
  grown(old.added, next.added);
  if (old.removed) next.removed = grown(old.removed, new Uint32Array(next.capacity));
  if (old.expires) next.expires = grown(old.expires, new Float64Array(next.capacity).fill(Number.POSITIVE_INFINITY));
  if (old.links) next.links = grown(old.links, new Uint32Array(next.capacity));
  return next;
}

/**
 * Append-only columns of list entries, about 75 octets each with a 20-octet key. Rows are never changed but for the
 * sequence number at which they were removed, so that every older snapshot goes on seeing what it saw.
 */
export class EntryRows {
  count = 0;
  readonly #chunks: Chunk[] = [];
  readonly #segments: Uint8Array[] = [];
  #segmentUsed = 0;
  /** Ids that are not in the packed form (other makers, tests). */
  readonly #oddIds = new Map<number, string>();
  readonly #oddEvents = new Map<number, string>();

  /** Appends a row, visible from sequence number `sequence` on, and answers its number. */
  append(entry: PackedEntry, sequence: number): number {
    const row = this.count++;
    const chunk = this.#room(row);
    const at = row % chunkRows;
    if (!packEntryId(entry.entryId, { words: chunk.ids, at: at * 4 })) this.#oddIds.set(row, entry.entryId);
    if (!packUuid(entry.byEvent, { words: chunk.events, at: at * 4 })) this.#oddEvents.set(row, entry.byEvent);
    chunk.hashes[at] = entry.hash;
    chunk.scopes[at] = entry.scope;
    chunk.tags[at] = entry.tag;
    chunk.prefixLengths[at] = entry.prefixLength;
    chunk.keyOffsets[at] = this.#storeKey(entry.key);
    chunk.keyLengths[at] = entry.key.length;
    chunk.added[at] = sequence;
    if (entry.expiresAt !== undefined) {
      chunk.expires ??= new Float64Array(chunk.capacity).fill(Number.POSITIVE_INFINITY);
      chunk.expires[at] = entry.expiresAt;
    }
    return row;
  }

  /** Hides a row from sequence number `sequence` on. */
  remove(row: number, sequence: number): void {
    const chunk = this.#chunk(row);
    chunk.removed ??= new Uint32Array(chunk.capacity);
    chunk.removed[row % chunkRows] = sequence;
  }

  /** Whether a snapshot taken at `sequence` sees the row. */
  visible(row: number, sequence: number): boolean {
    const chunk = this.#chunk(row);
    const at = row % chunkRows;
    if ((chunk.added[at] ?? 0) > sequence) return false;
    const removed = chunk.removed?.[at] ?? 0;
    return removed === 0 || removed > sequence;
  }

  /** Puts a row before another in a chain. */
  link(row: number, nextRow: number): void {
    const chunk = this.#chunk(row);
    chunk.links ??= new Uint32Array(chunk.capacity);
    chunk.links[row % chunkRows] = nextRow + 1;
  }
  /** The row after this one in its chain, or -1. */
  linked(row: number): number {
    return (this.#chunk(row).links?.[row % chunkRows] ?? 0) - 1;
  }

  expiresAt(row: number): number {
    return this.#chunk(row).expires?.[row % chunkRows] ?? Number.POSITIVE_INFINITY;
  }
  hash(row: number): number {
    return this.#chunk(row).hashes[row % chunkRows] ?? 0;
  }
  scope(row: number): number {
    return this.#chunk(row).scopes[row % chunkRows] ?? 0;
  }
  tag(row: number): number {
    return this.#chunk(row).tags[row % chunkRows] ?? 0;
  }
  prefixLength(row: number): number {
    return this.#chunk(row).prefixLengths[row % chunkRows] ?? 0;
  }
  entryId(row: number): string {
    return this.#oddIds.get(row) ?? unpackEntryId({ words: this.#chunk(row).ids, at: (row % chunkRows) * 4 });
  }
  byEvent(row: number): string {
    return this.#oddEvents.get(row) ?? unpackUuid({ words: this.#chunk(row).events, at: (row % chunkRows) * 4 });
  }

  /** Octets of a row's key, as a view. */
  key(row: number): Uint8Array {
    const chunk = this.#chunk(row);
    const offset = chunk.keyOffsets[row % chunkRows] ?? 0;
    const start = offset % segmentBytes;
    const segment = this.#segments[Math.floor(offset / segmentBytes)] as Uint8Array;
    return segment.subarray(start, start + (chunk.keyLengths[row % chunkRows] ?? 0));
  }

  /** Whether a row's key is the first `length` octets of `key`. */
  keyEquals(row: number, key: Uint8Array, length: number): boolean {
    const chunk = this.#chunk(row);
    const at = row % chunkRows;
    if (chunk.keyLengths[at] !== length) return false;
    const offset = chunk.keyOffsets[at] ?? 0;
    const start = offset % segmentBytes;
    const segment = this.#segments[Math.floor(offset / segmentBytes)] as Uint8Array;
    for (let i = 0; i < length; i++) if (segment[start + i] !== key[i]) return false;
    return true;
  }

  #chunk(row: number): Chunk {
    return this.#chunks[Math.floor(row / chunkRows)] as Chunk;
  }

  #room(row: number): Chunk {
    const number = Math.floor(row / chunkRows);
    const chunk = this.#chunks[number];
    if (!chunk) {
      const fresh = emptyChunk(number === 0 ? firstChunkRows : chunkRows);
      this.#chunks.push(fresh);
      return fresh;
    }
    if (row % chunkRows < chunk.capacity) return chunk;
    const bigger = doubled(chunk);
    this.#chunks[number] = bigger;
    return bigger;
  }

  #storeKey(key: Uint8Array): number {
    const last = this.#segments.length - 1;
    let segment = this.#segments[last];
    if (!segment || this.#segmentUsed + key.length > segmentBytes) {
      segment = new Uint8Array(last < 0 ? Math.max(firstSegmentBytes, key.length) : segmentBytes);
      this.#segments.push(segment);
      this.#segmentUsed = 0;
    } else if (this.#segmentUsed + key.length > segment.length) {
      const wanted = Math.max(segment.length * 2, this.#segmentUsed + key.length);
      segment = grown(segment, new Uint8Array(Math.min(segmentBytes, wanted)));
      this.#segments[last] = segment;
    }
    segment.set(key, this.#segmentUsed);
    const offset = (this.#segments.length - 1) * segmentBytes + this.#segmentUsed;
    this.#segmentUsed += key.length;
    return offset;
  }
}
