import type { TokenScope } from "@mailfold/domain";
import { parseId } from "@mailfold/ids";
import type {
  AliasRecord,
  Directory,
  DomainRecord,
  MailboxRecord,
  ResellerRecord,
  TenantRecord,
  TokenRecord,
} from "@mailfold/projection-directory";
import { type Belonging, type Caller, mayReach } from "./caller.ts";

/** The directory as one caller may see it: malformed, missing and foreign are the same undefined. */
export interface VisibleDirectory {
  reseller(id: string): ResellerRecord | undefined;
  tenant(id: string): TenantRecord | undefined;
  domain(id: string): DomainRecord | undefined;
  domainByName(name: string): DomainRecord | undefined;
  mailbox(id: string): MailboxRecord | undefined;
  mailboxByAddress(address: string): MailboxRecord | undefined;
  alias(id: string): AliasRecord | undefined;
  token(id: string): TokenRecord | undefined;
  /** Where a token's scope belongs; undefined when its tenant is unknown. */
  belongingOf(scope: TokenScope): Belonging | undefined;
}

/** One caller's view of the directory. */
export function createVisibleDirectory(directory: Directory, caller: Caller): VisibleDirectory {
  const own = <R extends Belonging>(record: R | undefined) =>
    record !== undefined && mayReach(caller, record) ? record : undefined;
  const ownAlias = (record: AliasRecord | undefined) => {
    if (record === undefined) return undefined;
    return own(directory.tenant(record.tenantId)) === undefined ? undefined : record;
  };
  const belongingOf = (scope: TokenScope): Belonging | undefined => {
    if (scope.kind === "platform") return {};
    if (scope.kind === "reseller") return { resellerId: scope.id };
    const tenant = directory.tenant(scope.id);
    return tenant === undefined ? undefined : { tenantId: tenant.tenantId, resellerId: tenant.resellerId };
  };
  return {
    reseller: (id) => own(find(parseId("reseller", id), (one) => directory.reseller(one))),
    tenant: (id) => own(find(parseId("tenant", id), (one) => directory.tenant(one))),
    domain: (id) => own(find(parseId("domain", id), (one) => directory.domain(one))),
    domainByName: (name) => own(directory.domainByName(name)),
    mailbox: (id) => own(find(parseId("mailbox", id), (one) => directory.mailbox(one))),
    mailboxByAddress: (address) => own(directory.mailboxByAddress(address)),
    alias: (id) => ownAlias(find(parseId("alias", id), (one) => directory.alias(one))),
    token(id) {
      const token = find(parseId("token", id), (one) => directory.token(one));
      const belonging = token === undefined ? undefined : belongingOf(token.scope);
      return belonging !== undefined && mayReach(caller, belonging) ? token : undefined;
    },
    belongingOf,
  };
}

function find<I, R>(id: I | undefined, look: (id: I) => R | undefined): R | undefined {
  return id === undefined ? undefined : look(id);
}
