import type { IpAddress } from "../ip-address.ts";
import type { ListEntry, ListKey, ScopeShape } from "../list-store.ts";
import { type ListHits, ListView } from "../list-view.ts";

/** Rows of the added entries are told from those below by this distance. */
const extraRows = 2 ** 30;
const listNames = ["accept", "kill", "relay", "denial"] as const;

/** A scope that has entries in both parts. */
interface OverlayShape extends ScopeShape {
  readonly below: ScopeShape | undefined;
  readonly extra: ScopeShape;
}

function merged(below: ScopeShape | undefined, extra: ScopeShape): OverlayShape {
  const lengths = (name: "ipv4Lengths" | "ipv6Lengths" | "suffixLengths"): number[] =>
    [...new Set([...(below?.[name] ?? []), ...extra[name]])].sort((a, b) => b - a);
  return {
    number: extra.number,
    scope: extra.scope,
    ipv4Lengths: lengths("ipv4Lengths"),
    ipv6Lengths: lengths("ipv6Lengths"),
    suffixLengths: lengths("suffixLengths"),
    hosts: below?.hosts === true || extra.hosts,
    addresses: below?.addresses === true || extra.addresses,
    domains: below?.domains === true || extra.domains,
    below,
    extra,
  };
}

/**
 * Lists with a few changes on top: what is added lies beside the lists below, what is removed is hidden. The lists below
 * are neither copied nor extended, so they may hold a million entries and go on changing.
 */
export class ListOverlay extends ListView {
  readonly #below: ListView;
  readonly #shown: ListView;
  readonly #hidden: ReadonlySet<number>;
  readonly #extra: ListView;
  readonly #found: ListHits = { accept: -1, kill: -1, relay: -1, denial: -1 };

  private constructor(below: ListView, hidden: ReadonlySet<number>, extra: ListView) {
    super();
    this.#below = below;
    this.#shown = hidden.size === 0 ? below : below.hiding(hidden);
    this.#hidden = hidden;
    this.#extra = extra;
  }

  /** Lists on top of which changes can be made. */
  static over(below: ListView): ListOverlay {
    if (below instanceof ListOverlay) return below;
    return new ListOverlay(below, new Set(), new ListView());
  }

  override with(entry: ListEntry): ListView {
    return new ListOverlay(this.#below, this.#hidingOf(entry), this.#extra.with(entry));
  }

  override without(key: ListKey): ListView {
    const hidden = this.#hidingOf(key);
    const extra = this.#extra.without(key);
    return hidden === this.#hidden && extra === this.#extra ? this : new ListOverlay(this.#below, hidden, extra);
  }

  #hidingOf(key: ListKey): ReadonlySet<number> {
    const row = this.#below.rowOf(key);
    return row < 0 || this.#hidden.has(row) ? this.#hidden : new Set(this.#hidden).add(row);
  }

  override rowOf(key: ListKey): number {
    const row = this.#extra.rowOf(key);
    if (row >= 0) return row + extraRows;
    const below = this.#below.rowOf(key);
    return this.#hidden.has(below) ? -1 : below;
  }

  override get rowCount(): number {
    return this.#below.rowCount + this.#extra.rowCount;
  }

  override shape(scopeId: string): ScopeShape | undefined {
    const extra = this.#extra.shape(scopeId);
    const below = this.#shown.shape(scopeId);
    return extra === undefined ? below : merged(below, extra);
  }

  override matchIp(shape: ScopeShape, ip: IpAddress, at: number): ListHits {
    return this.#match(shape, (view, part) => view.matchIp(part, ip, at));
  }
  override matchHost(shape: ScopeShape, name: string, at: number): ListHits {
    return this.#match(shape, (view, part) => view.matchHost(part, name, at));
  }
  override matchSender(shape: ScopeShape, address: string, at: number): ListHits {
    return this.#match(shape, (view, part) => view.matchSender(part, address, at));
  }

  #match(shape: ScopeShape, look: (view: ListView, part: ScopeShape) => ListHits): ListHits {
    if (!("extra" in shape)) return look(this.#shown, shape);
    const { below, extra } = shape as OverlayShape;
    const added = look(this.#extra, extra);
    const other = below === undefined ? undefined : look(this.#shown, below);
    for (const list of listNames) {
      const [row, old] = [added[list], other?.[list] ?? -1];
      this.#found[list] = row < 0 || (old >= 0 && this.#isNarrower(old, row)) ? old : row + extraRows;
    }
    return this.#found;
  }

  /** Whether the row below names less than the added one: a longer prefix; an address before its domain before a suffix. */
  #isNarrower(below: number, extra: number): boolean {
    const lengths = [this.#shown.prefixLength(below), this.#extra.prefixLength(extra)] as const;
    if (lengths[0] !== lengths[1]) return lengths[0] > lengths[1];
    return narrowness(this.#shown.pattern(below)) > narrowness(this.#extra.pattern(extra));
  }

  override eachTenantNamingIp(ip: IpAddress, at: number, visit: (row: number) => boolean): void {
    const once = stopping(visit);
    this.#extra.eachTenantNamingIp(ip, at, (row) => once(row + extraRows));
    this.#shown.eachTenantNamingIp(ip, at, once);
  }

  override eachTenantNamingSender(
    address: string,
    trusting: boolean,
    visit: { at: number; row: (row: number) => boolean },
  ): void {
    const once = stopping(visit.row);
    this.#extra.eachTenantNamingSender(address, trusting, { at: visit.at, row: (row) => once(row + extraRows) });
    this.#shown.eachTenantNamingSender(address, trusting, { at: visit.at, row: once });
  }

  #of<T>(row: number, read: (view: ListView, row: number) => T): T {
    return row >= extraRows ? read(this.#extra, row - extraRows) : read(this.#below, row);
  }

  override trusts(row: number): boolean {
    return this.#of(row, (view, at) => view.trusts(at));
  }
  override namesSender(row: number): boolean {
    return this.#of(row, (view, at) => view.namesSender(at));
  }
  override listOf(row: number): ReturnType<ListView["listOf"]> {
    return this.#of(row, (view, at) => view.listOf(at));
  }
  override scopeOf(row: number): ReturnType<ListView["scopeOf"]> {
    return this.#of(row, (view, at) => view.scopeOf(at));
  }
  override prefixLength(row: number): number {
    return this.#of(row, (view, at) => view.prefixLength(at));
  }
  override expiresAt(row: number): number {
    return this.#of(row, (view, at) => view.expiresAt(at));
  }
  override byEvent(row: number): string {
    return this.#of(row, (view, at) => view.byEvent(at));
  }
  override entryId(row: number): string {
    return this.#of(row, (view, at) => view.entryId(at));
  }
  override pattern(row: number): string {
    return this.#of(row, (view, at) => view.pattern(at));
  }
}

/** A whole address names least, then a domain, then suffixes by their length. */
function narrowness(pattern: string): number {
  if (pattern.startsWith("@*")) return pattern.length - 1_000;
  return pattern.startsWith("@") ? 0 : 1;
}

/** A visitor that, once it has answered true, is not asked again. */
function stopping(visit: (row: number) => boolean): (row: number) => boolean {
  let isDone = false;
  return (row) => {
    if (!isDone) isDone = visit(row);
    return isDone;
  };
}
