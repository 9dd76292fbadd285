import type { Scope } from "@mailfold/domain";
import type { IpAddress } from "./ip-address.ts";
import {
  keyKinds,
  type ListEntry,
  type ListKey,
  ListStore,
  listOfTag,
  patternOf,
  type ScopeShape,
} from "./list-store.ts";

/** Rows that matched, -1 = none; the first match of each list is kept, so look in order of preference. Reusable. */
export interface ListHits {
  accept: number;
  kill: number;
  relay: number;
  denial: number;
}

/** Rows removed before a store is worth copying without them. */
const compactRows = 8_192;

/**
 * An immutable snapshot of all lists. A new snapshot shares every row with the one before; only the newest can be
 * extended in place: extending an older one copies the store first.
 */
export class ListView {
  readonly #store: ListStore;
  readonly #sequence: number;
  readonly #hidden: ReadonlySet<number> | undefined;
  readonly #hits: ListHits = { accept: -1, kill: -1, relay: -1, denial: -1 };
  #at = 0;
  readonly #visit = (row: number, tag: number): void => {
    const list = listOfTag(tag);
    if (this.#hits[list] < 0 && this.#sees(row, this.#at)) this.#hits[list] = row;
  };

  constructor(store: ListStore = new ListStore(), sequence = 0, hidden?: ReadonlySet<number>) {
    this.#store = store;
    this.#sequence = sequence;
    this.#hidden = hidden;
  }

  /** Adds an entry, replacing the one under the same scope, list and pattern. */
  with(entry: ListEntry): ListView {
    const store = this.#writable();
    const old = store.rowOf(entry, store.sequence);
    store.sequence++;
    if (old >= 0) {
      store.rows.remove(old, store.sequence);
      store.removed++;
    }
    store.insert(entry);
    return new ListView(store, store.sequence);
  }

  /** Removes the entry under a key; the same snapshot when there is none. */
  without(key: ListKey): ListView {
    if (this.#store.rowOf(key, this.#sequence) < 0) return this;
    const store = this.#writable();
    const row = store.rowOf(key, store.sequence);
    store.sequence++;
    store.rows.remove(row, store.sequence);
    store.removed++;
    return new ListView(store, store.sequence);
  }

  /** A copy without removed rows and those that expired by `at` (ms since the epoch), and of at most the newest `rowsMax` rows. */
  compacted(at: number, rowsMax: number): ListView {
    const store = this.#copy(at, rowsMax);
    return new ListView(store, store.sequence);
  }

  /** The same snapshot as if some of its rows were removed; only to look things up in. */
  hiding(rows: ReadonlySet<number>): ListView {
    return new ListView(this.#store, this.#sequence, rows);
  }

  /** The row under a key, -1 = none. */
  rowOf(key: ListKey): number {
    return this.#store.rowOf(key, this.#sequence);
  }

  /** Every entry of the snapshot, expired ones included. */
  *entries(): Iterable<ListEntry> {
    for (let row = 0; row < this.#store.rows.count; row++) {
      if (this.#store.rows.visible(row, this.#sequence)) yield this.#store.entryAt(row);
    }
  }

  /** Rows held, visible or not: what compaction would look at. */
  get rowCount(): number {
    return this.#store.rows.count;
  }

  /** The entries of a scope id, undefined when it never had any. */
  shape(scopeId: string): ScopeShape | undefined {
    return this.#store.shape(scopeId);
  }

  /** Finds an IP's narrowest entries of each list in one scope. The answer is reused by the next call. */
  matchIp(shape: ScopeShape, ip: IpAddress, at: number): ListHits {
    this.#reset(at);
    const kind = ip.family === 4 ? "ipv4" : "ipv6";
    for (const length of ip.family === 4 ? shape.ipv4Lengths : shape.ipv6Lengths) {
      this.#store.writeIp(ip, length);
      this.#store.eachRow(shape, kind, length, this.#visit);
    }
    return this.#hits;
  }

  /** Finds a host name (lower case), exactly. */
  matchHost(shape: ScopeShape, name: string, at: number): ListHits {
    this.#reset(at);
    if (!shape.hosts) return this.#hits;
    this.#store.writeText(name, 0);
    this.#store.eachRow(shape, "host", 0, this.#visit);
    return this.#hits;
  }

  /** Finds a sender (lower case): the address, then its domain, then suffixes, the longest first. */
  matchSender(shape: ScopeShape, address: string, at: number): ListHits {
    this.#reset(at);
    this.#walkSender(shape, address, this.#visit);
    return this.#hits;
  }

  /** Visits tenants' entries that name a peer by IP, until the visitor answers true. */
  eachTenantNamingIp(ip: IpAddress, at: number, visit: (row: number) => boolean): void {
    const shape = this.#store.peerShape;
    const kind = ip.family === 4 ? "ipv4" : "ipv6";
    for (const length of ip.family === 4 ? shape.ipv4Lengths : shape.ipv6Lengths) {
      this.#store.writeIp(ip, length);
      if (this.#eachPeer(this.#store.peerRow(kind, length, false), at, visit)) return;
    }
  }

  /** Visits tenants' accept entries that name a sender, with or without trustUnverified, until the visitor answers true. */
  eachTenantNamingSender(
    address: string,
    trusting: boolean,
    visit: { at: number; row: (row: number) => boolean },
  ): void {
    this.#store.writeText(address, 0);
    if (this.#eachPeer(this.#store.peerRow("address", 0, trusting), visit.at, visit.row)) return;
    this.#store.writeText(address, address.lastIndexOf("@") + 1);
    this.#eachPeer(this.#store.peerRow("domain", 0, trusting), visit.at, visit.row);
  }

  #eachPeer(head: number, at: number, visit: (row: number) => boolean): boolean {
    for (let row = head; row >= 0; row = this.#store.rows.linked(row)) {
      if (this.#sees(row, at) && visit(row)) return true;
    }
    return false;
  }

  /** Whether a row opens relaying by sender address without proof; never a suffix. */
  trusts(row: number): boolean {
    const tag = this.#store.rows.tag(row);
    return (tag & 32) !== 0 && ((tag & 7) === keyKinds.address || (tag & 7) === keyKinds.domain);
  }
  /** Whether a row names a sender by whole address or domain. */
  namesSender(row: number): boolean {
    const kind = this.#store.rows.tag(row) & 7;
    return kind === keyKinds.address || kind === keyKinds.domain;
  }
  /** The list a row is in. */
  listOf(row: number): ReturnType<typeof listOfTag> {
    return listOfTag(this.#store.rows.tag(row));
  }
  /** The scope a row belongs to. */
  scopeOf(row: number): Scope {
    return (this.#store.shapes[this.#store.rows.scope(row)] as ScopeShape).scope;
  }
  prefixLength(row: number): number {
    return this.#store.rows.prefixLength(row);
  }
  expiresAt(row: number): number {
    return this.#store.rows.expiresAt(row);
  }
  byEvent(row: number): string {
    return this.#store.rows.byEvent(row);
  }
  entryId(row: number): string {
    return this.#store.rows.entryId(row);
  }
  /** Canonical text of a row's pattern. */
  pattern(row: number): string {
    return patternOf(this.#store.entryAt(row));
  }

  #walkSender(shape: ScopeShape, address: string, visit: (row: number, tag: number) => void): void {
    if (shape.addresses) {
      this.#store.writeText(address, 0);
      this.#store.eachRow(shape, "address", 0, visit);
    }
    const domainAt = address.lastIndexOf("@") + 1;
    if (shape.domains && domainAt > 0) {
      this.#store.writeText(address, domainAt);
      this.#store.eachRow(shape, "domain", 0, visit);
    }
    for (const length of shape.suffixLengths) {
      if (address.length - length < domainAt) continue;
      this.#store.writeText(address, address.length - length);
      this.#store.eachRow(shape, "suffix", 0, visit);
    }
  }

  #reset(at: number): void {
    this.#at = at;
    this.#hits.accept = -1;
    this.#hits.kill = -1;
    this.#hits.relay = -1;
    this.#hits.denial = -1;
  }

  #sees(row: number, at: number): boolean {
    if (this.#hidden?.has(row) === true) return false;
    return this.#store.rows.visible(row, this.#sequence) && this.#store.rows.expiresAt(row) > at;
  }

  #writable(): ListStore {
    const store = this.#store;
    if (store.sequence !== this.#sequence) return this.#copy(Number.NEGATIVE_INFINITY);
    const wasteful = store.removed > compactRows && store.removed * 2 > store.rows.count;
    return wasteful ? this.#copy(Number.NEGATIVE_INFINITY) : store;
  }

  #copy(expiredBy: number, rowsMax = Number.POSITIVE_INFINITY): ListStore {
    const from = this.#store.rows;
    const to = new ListStore();
    for (let row = Math.max(0, from.count - rowsMax); row < from.count; row++) {
      if (from.visible(row, this.#sequence) && from.expiresAt(row) > expiredBy) to.insert(this.#store.entryAt(row));
    }
    return to;
  }
}
