import type { VerdictRecorded } from "@mailfold/events";
import type { ResellerId, TenantId } from "@mailfold/kernel";
import type { Facts } from "@mailfold/policy";
import { type Evidence, ipSubjects } from "@mailfold/reputation";

/** Which scope's trustedRelays name a peer. */
export type TrustedBy = "tenant" | "platform";

/** Who a mail came from, as far as blacklists learn from it. Kept for marks, which come days after the verdict. */
export interface SenderOfMail {
  /** When it came in, ms since the epoch. */
  readonly at: number;
  readonly ip: string;
  readonly trustedBy?: TrustedBy;
  /** The first address beyond a trusted relay, where the message told it. */
  readonly originIp?: string;
  /** The From domain, only where DMARC passes. */
  readonly alignedDomain?: string;
  /** The From address in that domain. */
  readonly sender?: string;
}

/** Whose mail a verdict is about, for the settings that say which relays are trusted. */
export interface RecipientOfMail {
  readonly tenantId: TenantId;
  readonly resellerId: ResellerId;
}

/**
 * The sender in a verdict's facts; undefined where its address says nothing: a login, this machine, a private network.
 * `trustedBy` tells whether a scope's trustedRelays name an address.
 */
export function senderOfVerdict(
  data: Pick<VerdictRecorded["data"], "facts">,
  trustedBy: (ip: string) => TrustedBy | undefined,
): SenderOfMail | undefined {
  const facts = data.facts as Partial<Facts>;
  const { at, content, ip, login, origin } = facts;
  if (login !== undefined || typeof ip !== "string" || typeof at !== "number") return undefined;
  const trusted = trustedBy(ip);
  const originIp = trusted === undefined ? undefined : origin?.ip;
  if (![ip, originIp].some((each) => each !== undefined && ipSubjects(each).kind === "public")) return undefined;
  const dmarc = content?.authentication?.dmarc;
  const alignedDomain = dmarc?.result === "pass" && dmarc.domain !== "" ? dmarc.domain : undefined;
  const author = content?.fromCount === 1 ? content.from[0]?.toLowerCase() : undefined;
  const isAligned = alignedDomain !== undefined && author?.endsWith(`@${alignedDomain}`) === true;
  return {
    at,
    ip,
    ...(trusted === undefined ? {} : { trustedBy: trusted }),
    ...(originIp === undefined ? {} : { originIp }),
    ...(alignedDomain === undefined ? {} : { alignedDomain }),
    ...(isAligned && author !== undefined ? { sender: author } : {}),
  };
}

/**
 * The peers that evidence on a mail is about. Behind the platform's trusted relay it is the address beyond; behind one that
 * only the tenant trusts the tenant's list takes that address, and the platform's the relay's own.
 */
export function peersOf({ ip, originIp, trustedBy }: SenderOfMail): readonly Evidence["peer"][] {
  if (trustedBy === undefined) return [{ ip }];
  if (trustedBy === "platform") return originIp === undefined ? [] : [{ ip: originIp }];
  const beyond: Evidence["peer"][] = originIp === undefined ? [] : [{ ip: originIp, toldBy: "tenant" }];
  return [...beyond, { ip, trustedBy }];
}
