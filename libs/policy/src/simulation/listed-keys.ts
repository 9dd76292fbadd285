import { type IpAddress, type IpPrefix, parseIpPrefix, prefixOf } from "../ip-address.ts";
import type { ListEntry } from "../list-store.ts";
import type { ListView } from "../list-view.ts";
import type { PolicyState } from "../policy-state.ts";
import { parseSenderPattern } from "../sender-pattern.ts";

/** A set of 32-bit hashes; two keys that share one are both taken to be in it. */
class HashSet {
  #slots = new Uint32Array(1_024);
  #count = 0;

  add(hash: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    this.#put(hash === 0 ? 1 : hash);
  }

  has(hash: number): boolean {
    const wanted = hash === 0 ? 1 : hash;
    const mask = this.#slots.length - 1;
    for (let at = wanted & mask; ; at = (at + 1) & mask) {
      const found = this.#slots[at];
      if (found === wanted) return true;
      if (found === 0) return false;
    }
  }

  #put(hash: number): void {
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    while (this.#slots[at] !== 0 && this.#slots[at] !== hash) at = (at + 1) & mask;
    if (this.#slots[at] === 0) this.#count += 1;
    this.#slots[at] = hash;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#count = 0;
    for (const hash of old) if (hash !== 0) this.#put(hash);
  }
}

function hashOf(text: string, from: number, kind: number): number {
  let hash = 0x811c9dc5 ^ kind;
  for (let at = from; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}

function hashOfIp({ a, b, c, d, family }: IpAddress, length: number): number {
  let hash = 0x811c9dc5 ^ (family * 256 + length);
  for (const word of [a, b, c, d]) hash = Math.imul(hash ^ word ^ (word >>> 13), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}

const kinds = { host: 1, address: 2, domain: 3, suffix: 4 } as const;

/**
 * All that any list of a policy names, in any scope, in force or not: what is not in here is judged like everything else
 * that is not. May hold a key that no list has; never lacks one.
 */
export class ListedKeys {
  readonly #hashes = new HashSet();
  readonly #lengths = { 4: new Set<number>(), 6: new Set<number>() };
  readonly #suffixes = new Set<number>();
  readonly #expiries = new Set<number>();
  readonly #kinds = new Set<ListEntry["kind"]>();
  #named = false;

  addEntry({ expiresAt, kind, prefix, text = "" }: Pick<ListEntry, "kind" | "prefix" | "text" | "expiresAt">): void {
    if (expiresAt !== undefined) this.#expiries.add(expiresAt);
    if (prefix !== undefined) this.addPrefix(prefix);
    if (kind === "ipv4" || kind === "ipv6") return;
    this.#named = true;
    this.#kinds.add(kind);
    if (kind === "suffix") this.#suffixes.add(text.length);
    this.#hashes.add(hashOf(text, 0, kinds[kind]));
  }

  addPrefix(prefix: IpPrefix): void {
    this.#lengths[prefix.family].add(prefix.length);
    this.#hashes.add(hashOfIp(prefix, prefix.length));
  }

  /** Whether it holds any host name. */
  get hasHosts(): boolean {
    return this.#kinds.has("host");
  }

  /** Whether it holds anything but addresses and networks. */
  get hasNames(): boolean {
    return this.#named;
  }

  /** Instants at which entries expire. */
  get expiries(): Iterable<number> {
    return this.#expiries;
  }

  hasIp(ip: IpAddress): boolean {
    for (const length of this.#lengths[ip.family]) {
      if (this.#hashes.has(hashOfIp(prefixOf(ip, length), length))) return true;
    }
    return false;
  }

  hasHost(name: string): boolean {
    return this.#hashes.has(hashOf(name, 0, kinds.host));
  }

  /** By address, domain or the end of the domain; lower case. */
  hasSender(address: string): boolean {
    if (this.#kinds.has("address") && this.#hashes.has(hashOf(address, 0, kinds.address))) return true;
    const domainAt = address.lastIndexOf("@") + 1;
    if (this.#kinds.has("domain") && this.#hashes.has(hashOf(address, domainAt, kinds.domain))) return true;
    for (const length of this.#suffixes) {
      const at = address.length - length;
      if (at >= domainAt && this.#hashes.has(hashOf(address, at, kinds.suffix))) return true;
    }
    return false;
  }
}

const known = new WeakMap<ListView, ListedKeys>();

/** Keys of all entries of a snapshot; collected once for each. */
export function keysOfLists(lists: ListView): ListedKeys {
  let keys = known.get(lists);
  if (keys === undefined) {
    keys = new ListedKeys();
    for (const entry of lists.entries()) keys.addEntry(entry);
    known.set(lists, keys);
  }
  return keys;
}

/** Keys of entries that a change adds, and of the trusted relays of policies. */
export function keysOfTry(
  added: readonly { readonly pattern: string; readonly expiresAt?: number }[],
  states: readonly PolicyState[],
): ListedKeys {
  const keys = new ListedKeys();
  for (const { expiresAt, pattern: text } of added) {
    const pattern = parseSenderPattern(text);
    if ("problem" in pattern) continue;
    const { key, kind, prefix } = pattern;
    if (prefix !== undefined) keys.addEntry({ kind: "ipv4", prefix, expiresAt });
    else keys.addEntry({ kind: kind as "host" | "address" | "domain" | "suffix", text: key, expiresAt });
  }
  for (const state of states) {
    for (const { values } of state.settings.values()) {
      const relays = values.get("trustedRelays")?.value;
      if (!Array.isArray(relays)) continue;
      for (const each of relays) {
        const prefix = parseIpPrefix(String(each));
        if (!("problem" in prefix)) keys.addPrefix(prefix);
      }
    }
  }
  return keys;
}
