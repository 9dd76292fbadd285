import { noSwitches } from "@mailfold/domain";
import type { MailfoldEvent } from "@mailfold/events";
import type { MailboxId, RecordedEvent, ResellerId } from "@mailfold/kernel";
import type {
  AliasRecord,
  Directory,
  DomainRecord,
  MailboxRecord,
  Page,
  ResellerRecord,
  TenantRecord,
  TokenRecord,
} from "@mailfold/projection-directory";

/** A directory folded in memory, for tests of the API alone. */
export class MemoryDirectory implements Directory {
  readonly resellersById = new Map<string, ResellerRecord>();
  readonly tenantsById = new Map<string, TenantRecord>();
  readonly domainsById = new Map<string, DomainRecord>();
  readonly mailboxesById = new Map<string, MailboxRecord>();
  readonly aliasesById = new Map<string, AliasRecord>();
  readonly tokensById = new Map<string, TokenRecord>();

  apply(recorded: RecordedEvent): void {
    const event = recorded as unknown as MailfoldEvent;
    const at = recorded.occurredAt;
    const resellerId = recorded.metadata.resellerId as ResellerId;
    switch (event.type) {
      case "ResellerCreated":
        this.resellersById.set(event.data.resellerId, { ...event.data, createdAt: at });
        break;
      case "TenantCreated": {
        const tenant = { ...event.data, switches: noSwitches, suspended: false, createdAt: at };
        this.tenantsById.set(event.data.tenantId, tenant);
        break;
      }
      case "TenantSuspended":
      case "TenantResumed": {
        const tenant = this.tenantsById.get(event.data.tenantId) as TenantRecord;
        const suspended = event.type === "TenantSuspended";
        const switches = event.type === "TenantSuspended" ? event.data.switches : event.data.restored;
        this.tenantsById.set(tenant.tenantId, { ...tenant, suspended, switches });
        break;
      }
      case "DomainAdded":
        this.domainsById.set(event.data.domainId, { ...event.data, resellerId, verified: false, addedAt: at });
        break;
      case "DomainVerified": {
        const domain = this.domainsById.get(event.data.domainId) as DomainRecord;
        this.domainsById.set(domain.domainId, { ...domain, verified: true });
        break;
      }
      case "DomainRemoved":
      case "DomainClaimLapsed":
        this.domainsById.delete(event.data.domainId);
        break;
      case "TokenCreated":
        this.tokensById.set(event.data.tokenId, { ...event.data, revoked: false });
        break;
      case "TokenRevoked": {
        const token = this.tokensById.get(event.data.tokenId) as TokenRecord;
        this.tokensById.set(token.tokenId, { ...token, revoked: true });
        break;
      }
      case "AliasAdded":
        this.aliasesById.set(event.data.aliasId, event.data);
        break;
      case "AliasRemoved":
        this.aliasesById.delete(event.data.aliasId);
        break;
      default:
        this.#applyMailbox(event, resellerId, at);
    }
  }

  #applyMailbox(event: MailfoldEvent, resellerId: ResellerId, at: number): void {
    if (event.type === "MailboxCreated") {
      const record = { ...event.data, resellerId, usedBytes: 0, status: "active" as const, createdAt: at };
      this.mailboxesById.set(event.data.mailboxId, record);
      return;
    }
    const statuses: Record<string, MailboxRecord["status"]> = {
      MailboxSuspended: "suspended",
      MailboxResumed: "active",
      MailboxDeleted: "deleted",
      MailboxRestored: "active",
    };
    if (!event.type.startsWith("Mailbox")) return;
    const { mailboxId, ...changed } = event.data as unknown as Partial<MailboxRecord> & { mailboxId: MailboxId };
    const old = this.mailboxesById.get(mailboxId) as MailboxRecord;
    this.mailboxesById.set(mailboxId, { ...old, ...changed, status: statuses[event.type] ?? old.status });
  }

  reseller = (id: string) => this.resellersById.get(id);
  tenant = (id: string) => this.tenantsById.get(id);
  domain = (id: string) => this.domainsById.get(id);
  mailbox = (id: string) => this.mailboxesById.get(id);
  alias = (id: string) => this.aliasesById.get(id);
  token = (id: string) => this.tokensById.get(id);
  domainByName = (name: string) => [...this.domainsById.values()].find((domain) => domain.name === name);
  mailboxByAddress = (address: string) =>
    [...this.mailboxesById.values()].find((mailbox) => mailbox.address === address && mailbox.status !== "deleted");
  aliasByAddress = (address: string) => [...this.aliasesById.values()].find((alias) => alias.address === address);
  resolve = (address: string) => {
    const mailbox = this.mailboxByAddress(address);
    return mailbox === undefined ? undefined : [mailbox];
  };
  addressesOf = () => [];
  tenantByExternalId = (resellerId: string, externalId: string) =>
    [...this.tenantsById.values()].find((one) => one.resellerId === resellerId && one.externalId === externalId);
  resellerByExternalId = (externalId: string) =>
    [...this.resellersById.values()].find((one) => one.externalId === externalId);
  heldByOther = () => false;
  resellers = (page: Page) => paged([...this.resellersById.values()], (one) => one.resellerId, page);
  tenants = (where: { resellerId?: string }, page: Page) =>
    paged(
      [...this.tenantsById.values()].filter((one) => (where.resellerId ?? one.resellerId) === one.resellerId),
      (one) => one.tenantId,
      page,
    );
  domains = (where: { tenantId: string }, page: Page) =>
    paged(
      [...this.domainsById.values()].filter((one) => one.tenantId === where.tenantId),
      (one) => one.domainId,
      page,
    );
  mailboxes = (where: { tenantId: string; domainId?: string }, page: Page) =>
    paged(
      [...this.mailboxesById.values()].filter(
        (one) => one.tenantId === where.tenantId && (where.domainId ?? one.domainId) === one.domainId,
      ),
      (one) => one.mailboxId,
      page,
    );
  aliases = (where: { tenantId: string }, page: Page) =>
    paged(
      [...this.aliasesById.values()].filter((one) => one.tenantId === where.tenantId),
      (one) => one.aliasId,
      page,
    );
  tokens = (where: { scope?: { kind: string; id?: string } }, page: Page) =>
    paged(
      [...this.tokensById.values()].filter(
        (one) => where.scope === undefined || JSON.stringify(one.scope) === JSON.stringify(where.scope),
      ),
      (one) => one.tokenId,
      page,
    );
  invalidate(): void {}
}

function paged<R>(rows: R[], idOf: (row: R) => string, page: Page): R[] {
  const after = page.after ?? "";
  return rows
    .filter((row) => idOf(row) > after)
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
    .slice(0, page.first);
}
