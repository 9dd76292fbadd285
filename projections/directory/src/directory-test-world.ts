import type {
  AddressEvent,
  MailboxEvent,
  MailDomainEvent,
  ResellerEvent,
  TenantEvent,
  TokenEvent,
} from "@mailfold/domain";
import type {
  AliasId,
  DomainId,
  MailboxId,
  Position,
  RecordedEvent,
  ResellerId,
  Sealed,
  TenantId,
  TokenId,
} from "@mailfold/kernel";
import { MemoryRows } from "@mailfold/read-store";
import { createDirectory } from "./create-directory.ts";
import { directoryProjection } from "./directory-projection.ts";

export type Event = ResellerEvent | TenantEvent | MailDomainEvent | MailboxEvent | AddressEvent | TokenEvent;

export const r1 = "rsl_1" as ResellerId;
export const [t1, t2] = ["ten_1" as TenantId, "ten_2" as TenantId];
export const [d1, d2] = ["dom_1" as DomainId, "dom_2" as DomainId];
export const [m1, m2] = ["mbx_1" as MailboxId, "mbx_2" as MailboxId];
export const a1 = "als_1" as AliasId;
export const k1 = "tok_1" as TokenId;
export const sealed = (text: string): Sealed => ({ keyId: "k", nonce: "n", ciphertext: text });
export const off = { login: false, submission: false, inbound: false, forwarding: false };

export function recorded(events: readonly Event[]): readonly RecordedEvent[] {
  return events.map((event, index) => ({
    ...event,
    id: `evt-${index}`,
    stream: "tenant-x",
    revision: index,
    position: String(index + 1).padStart(16, "0") as Position,
    occurredAt: 1_000 * (index + 1),
    metadata: { actor: { type: "platform", id: "tok_0" }, resellerId: r1 },
  }));
}

export function setting(...events: readonly Event[]) {
  const rows = new MemoryRows([directoryProjection]);
  const used = new Map<string, number>();
  const directory = createDirectory(rows, (id) => used.get(id) ?? 0);
  let count = 0;
  const append = (...more: readonly Event[]) => {
    for (const event of recorded(more)) {
      count += 1;
      rows.append({ ...event, id: `evt-${count}`, position: String(count).padStart(16, "0") as Position });
    }
    directory.invalidate();
  };
  append(...events);
  return { rows, used, directory, append };
}

export const reseller: Event = { type: "ResellerCreated", data: { resellerId: r1, name: "ISP", externalId: "isp" } };
export const tenant = (tenantId: TenantId, externalId?: string): Event => ({
  type: "TenantCreated",
  data: { tenantId, resellerId: r1, name: `Org ${tenantId}`, ...(externalId === undefined ? {} : { externalId }) },
});
export const added = (domainId: DomainId, tenantId: TenantId, name = "a.test"): Event => ({
  type: "DomainAdded",
  data: { domainId, tenantId, name, verificationValue: `v-${domainId}` },
});
export const verified = (domainId: DomainId, tenantId: TenantId, name = "a.test"): Event => ({
  type: "DomainVerified",
  data: { domainId, tenantId, name, method: "dns" },
});
export const mailbox = (mailboxId: MailboxId, address: string): Event => ({
  type: "MailboxCreated",
  data: { mailboxId, tenantId: t1, domainId: d1, address, quotaBytes: 1_000, verifier: sealed("one") },
});
export const claimed = (mailboxId: MailboxId, address: string): Event => ({
  type: "AddressClaimed",
  data: { mailboxId, tenantId: t1, domainId: d1, address },
});
export const alias = (targets: readonly MailboxId[]): Event => ({
  type: "AliasAdded",
  data: { aliasId: a1, address: "team@a.test", tenantId: t1, domainId: d1, targets },
});
