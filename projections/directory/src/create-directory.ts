import type { ColumnValue, MailboxId, Row, RowsProjection, TenantId } from "@mailfold/kernel";
import { BoundedCache } from "./bounded-cache.ts";
import type {
  AliasRecord,
  Directory,
  DomainRecord,
  MailboxRecord,
  Page,
  TenantRecord,
  TokenRecord,
} from "./directory.ts";
import { directoryProjection } from "./directory-projection.ts";
import { aliasOf, domainOf, mailboxOf, resellerOf, tenantOf, tokenOf } from "./records.ts";

/** What the directory reads with: libs/read-store's RowReader, or rows in memory. */
export interface DirectoryRows {
  get(projection: RowsProjection, table: string, key: Row): Row | undefined;
  select(
    projection: RowsProjection,
    table: string,
    query: {
      readonly where?: Row;
      readonly and?: readonly (readonly [column: string, op: "<=" | ">" | "!=", value: ColumnValue])[];
      readonly orderBy?: readonly string[];
      readonly descending?: boolean;
      readonly limit: number;
    },
  ): readonly Row[];
}

/** Lookups of each kind that are remembered: enough for the mailboxes that are busy, never all there are. */
const cachedMax = 10_000;
const pageMax = 1_000;
/** A name has one standing claim; a few rows are read in case one was lost between two. */
const sameNameMax = 4;
const aliasesPerMailboxMax = 1_000;

/** Makes the directory over rows; `usedBytes` reads a mailbox's use (usedBytesFrom). Call invalidate when directory rows advance. */
export function createDirectory(rows: DirectoryRows, usedBytes: (mailboxId: MailboxId) => number): Directory {
  return new RowsDirectory(rows, usedBytes);
}

class RowsDirectory implements Directory {
  readonly #rows: DirectoryRows;
  readonly #usedBytes: (mailboxId: MailboxId) => number;
  readonly #tenants = new BoundedCache<TenantRecord>(cachedMax);
  readonly #domains = new BoundedCache<DomainRecord>(cachedMax);
  readonly #domainNames = new BoundedCache<DomainRecord>(cachedMax);
  readonly #mailboxes = new BoundedCache<MailboxRecord>(cachedMax);
  readonly #addresses = new BoundedCache<MailboxRecord>(cachedMax);
  readonly #aliases = new BoundedCache<AliasRecord>(cachedMax);
  readonly #senderAddresses = new BoundedCache<readonly string[]>(cachedMax);
  readonly #tokens = new BoundedCache<TokenRecord>(cachedMax);

  constructor(rows: DirectoryRows, usedBytes: (mailboxId: MailboxId) => number) {
    this.#rows = rows;
    this.#usedBytes = usedBytes;
  }

  reseller: Directory["reseller"] = (id) => {
    const row = this.#get("resellers", { resellerId: id });
    return row && resellerOf(row);
  };

  tenant: Directory["tenant"] = (id) =>
    this.#tenants.get(id, () => {
      const row = this.#get("tenants", { tenantId: id });
      return row && tenantOf(row);
    });

  domain: Directory["domain"] = (id) =>
    this.#domains.get(id, () => {
      const row = this.#get("domains", { domainId: id });
      return row?.status === "active" ? this.#domain(row) : undefined;
    });

  domainByName: Directory["domainByName"] = (name) =>
    this.#domainNames.get(name, () => {
      const found = this.#select("domains", { where: { name, status: "active" }, limit: sameNameMax });
      const row = found.find((candidate) => candidate.verified === 1) ?? found[0];
      return row && this.#domain(row);
    });

  mailbox: Directory["mailbox"] = (id) =>
    this.#mailboxes.get(id, () => {
      const row = this.#get("mailboxes", { mailboxId: id });
      return row && this.#mailbox(row);
    });

  mailboxByAddress: Directory["mailboxByAddress"] = (address) =>
    this.#addresses.get(address, () => {
      const row = this.#holder("mailboxes", address, { deleted: 0 });
      return row && this.#mailbox(row);
    });

  alias: Directory["alias"] = (id) => {
    const row = this.#get("aliases", { aliasId: id });
    return row?.removed === 0 ? aliasOf(row) : undefined;
  };

  aliasByAddress: Directory["aliasByAddress"] = (address) =>
    this.#aliases.get(address, () => {
      const row = this.#holder("aliases", address, { removed: 0 });
      return row && aliasOf(row);
    });

  token: Directory["token"] = (id) =>
    this.#tokens.get(id, () => {
      const row = this.#get("tokens", { tokenId: id });
      return row && tokenOf(row);
    });

  resolve: Directory["resolve"] = (address) => {
    const own = this.mailboxByAddress(address);
    if (own !== undefined) return [own];
    const targets = this.aliasByAddress(address)?.targets.flatMap((id) => this.mailbox(id) ?? []);
    const live = targets?.filter(({ status }) => status !== "deleted");
    // An alias whose every target is gone is as good as none: its mail must bounce, not vanish.
    return live === undefined || live.length === 0 ? undefined : live;
  };

  addressesOf: Directory["addressesOf"] = (id) =>
    this.#senderAddresses.get(id, () => {
      const mailbox = this.mailbox(id);
      if (mailbox === undefined || mailbox.status === "deleted") return [];
      const aliases = this.#select("alias_targets", { where: { mailboxId: id }, limit: aliasesPerMailboxMax });
      const all = [mailbox.address, ...aliases.flatMap((row) => (row.address === null ? [] : [String(row.address)]))];
      return all.filter((address) => (this.#ownerOf(address) ?? mailbox.tenantId) === mailbox.tenantId);
    }) ?? [];

  tenantByExternalId: Directory["tenantByExternalId"] = (resellerId, externalId) => {
    const [row] = this.#select("tenants", { where: { resellerId, externalId }, limit: 1 });
    return row && tenantOf(row);
  };

  resellerByExternalId: Directory["resellerByExternalId"] = (externalId) => {
    const [row] = this.#select("resellers", { where: { externalId }, limit: 1 });
    return row && resellerOf(row);
  };

  heldByOther: Directory["heldByOther"] = (name, tenantId) =>
    this.#select("domain_holders", { where: { name }, and: [["tenantId", "!=", tenantId]], limit: 1 }).length > 0;

  resellers: Directory["resellers"] = (page) => this.#page("resellers", "resellerId", {}, page).map(resellerOf);

  tenants: Directory["tenants"] = ({ resellerId }, page) =>
    this.#page("tenants", "tenantId", resellerId === undefined ? {} : { resellerId }, page).map(tenantOf);

  domains: Directory["domains"] = ({ tenantId }, page) =>
    this.#page("domains", "domainId", { tenantId, status: "active" }, page).map((row) => this.#domain(row));

  mailboxes: Directory["mailboxes"] = ({ tenantId, domainId }, page) =>
    this.#page("mailboxes", "mailboxId", { tenantId, ...(domainId === undefined ? {} : { domainId }) }, page).map(
      (row) => this.#mailbox(row),
    );

  aliases: Directory["aliases"] = ({ tenantId }, page) =>
    this.#page("aliases", "aliasId", { tenantId, removed: 0 }, page).map(aliasOf);

  tokens: Directory["tokens"] = ({ scope }, page) => {
    const where =
      scope === undefined ? {} : { scopeKind: scope.kind, scopeId: scope.kind === "platform" ? null : scope.id };
    return this.#page("tokens", "tokenId", where, page).map(tokenOf);
  };

  invalidate(): void {
    for (const cache of [this.#tenants, this.#domains, this.#domainNames, this.#mailboxes, this.#addresses])
      cache.clear();
    for (const cache of [this.#aliases, this.#senderAddresses, this.#tokens]) cache.clear();
  }

  /**
   * The row that stands at an address. A tenant whose unverified claim on the domain yielded to another's proof keeps its
   * mailboxes, but their addresses are the new owner's: only the owner's rows count, and without an owner only a sole one.
   */
  #holder(table: "mailboxes" | "aliases", address: string, where: Row): Row | undefined {
    const owner = this.#ownerOf(address);
    const of = owner === undefined ? {} : { tenantId: owner };
    const [row, second] = this.#select(table, { where: { address, ...where, ...of }, limit: 2 });
    return owner === undefined && second !== undefined ? undefined : row;
  }

  #ownerOf(address: string): TenantId | undefined {
    return this.domainByName(address.slice(address.lastIndexOf("@") + 1))?.tenantId;
  }

  #domain(row: Row): DomainRecord {
    return domainOf(row, this.tenant(row.tenantId as TenantId)?.resellerId);
  }

  #mailbox(row: Row): MailboxRecord {
    const mailboxId = row.mailboxId as MailboxId;
    return mailboxOf(row, this.tenant(row.tenantId as TenantId)?.resellerId, () => this.#usedBytes(mailboxId));
  }

  #get(table: string, key: Row): Row | undefined {
    return this.#rows.get(directoryProjection, table, key);
  }

  #select(table: string, query: Parameters<DirectoryRows["select"]>[2]): readonly Row[] {
    return this.#rows.select(directoryProjection, table, query);
  }

  #page(table: string, idColumn: string, where: Row, { first, after }: Page): readonly Row[] {
    const limit = Math.min(Math.max(1, Math.trunc(first)), pageMax);
    const and = after === undefined ? [] : [[idColumn, ">", after] as const];
    return this.#select(table, { where, and, orderBy: [idColumn], limit });
  }
}
