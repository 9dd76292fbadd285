import type { MailboxId, MessageId, ResellerId, TenantId, TokenId } from "@mailfold/kernel";
import { streamCategory } from "@mailfold/kernel";

/** How long events live. record: kept. mail: as long as the mailbox. traffic: retention by age. */
export type LifeClass = "record" | "mail" | "traffic";

/** Every stream category and its class of life. A category has no dash. */
export const categories = {
  platform: "record",
  reseller: "record",
  tenant: "record",
  domain: "record",
  mailbox: "record",
  address: "record",
  policy: "record",
  senderentry: "record",
  listing: "record",
  pardon: "record",
  shadow: "record",
  token: "record",
  mail: "mail",
  denial: "traffic",
  intake: "traffic",
  outbound: "traffic",
  quarantine: "traffic",
  verdict: "traffic",
  mark: "traffic",
  reputation: "traffic",
  signin: "traffic",
} as const satisfies Record<string, LifeClass>;
export type StreamCategory = keyof typeof categories;

/** The class of a stream; an unknown category counts as record, which is never dropped. */
export function lifeClassOf(stream: string): LifeClass {
  return (categories as Record<string, LifeClass>)[streamCategory(stream)] ?? "record";
}

/** Stream names (architecture.md 4). Hashes come from Sealer.blindIndex, so that names hold no personal data. */
export const streams = {
  platformLog: "platform-log",
  reseller: (id: ResellerId) => `reseller-${id}`,
  tenant: (id: TenantId) => `tenant-${id}`,
  domain: (name: string) => `domain-${name}`,
  mailbox: (id: MailboxId) => `mailbox-${id}`,
  address: (addressHash: string) => `address-${addressHash}`,
  policy: (scopeId: string) => `policy-${scopeId}`,
  senderEntry: (scopeId: string, patternHash: string) => `senderentry-${scopeId}.${patternHash}`,
  /** `scopeId`: `platform` or a tenant's; the hash is of `kind:value`, purpose `listing`. All listings of one sender. */
  listing: (scopeId: string, subjectHash: string) => `listing-${scopeId}.${subjectHash}`,
  /** The hash is the listing's. */
  pardon: (scopeId: string, subjectHash: string) => `pardon-${scopeId}.${subjectHash}`,
  shadow: (scopeId: string) => `shadow-${scopeId}`,
  token: (id: TokenId) => `token-${id}`,
  mail: (id: MailboxId) => `mail-${id}`,
  denial: (prefix: string) => `denial-${prefix}`,
  intake: (id: MessageId) => `intake-${id}`,
  outbound: (id: MessageId) => `outbound-${id}`,
  quarantine: (tenant: TenantId, at: number) => `quarantine-${tenant}.${utcDay(at)}`,
  /** One held copy and all that becomes of it: short, so that its end is decided at its own revision. */
  hold: (tenant: TenantId, holdId: string) => `quarantine-${tenant}.${holdId}`,
  verdict: (tenant: TenantId | "platform", at: number) => `verdict-${tenant}.${utcDay(at)}`,
  mark: (tenant: TenantId, at: number) => `mark-${tenant}.${utcDay(at)}`,
  /** Marks that programs make, a stream for each message: so that a retried command finds its own. */
  messageMark: (tenant: TenantId, transactionId: string) => `mark-${tenant}.${transactionId}`,
  /** Times that the learner of blacklists took note of. */
  reputationTicks: (at: number) => `reputation-${utcDay(at)}`,
  /** One checkpoint of the learner, a part an event. */
  reputationCheckpoint: (at: number, checkpointId: string) => `reputation-${utcDay(at)}.${checkpointId}`,
  signin: (id: MailboxId, at: number) => `signin-${id}.${utcDay(at).slice(0, 6)}`,
} as const;

/** yyyymmdd in UTC of an instant in ms since the epoch, without Date (pure code may use it). */
export function utcDay(at: number): string {
  // Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  const z = Math.floor(at / 86_400_000) + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1_460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, "0")}${String(month).padStart(2, "0")}${String(day).padStart(2, "0")}`;
}
