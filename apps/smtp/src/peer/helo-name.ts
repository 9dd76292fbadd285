import type { DnsResolver } from "@mailfold/dns";
import type { NameFact } from "@mailfold/policy";
import { canonicalIp } from "@mailfold/proxy-protocol";
import { canonicalDomainName } from "../envelope-address.ts";
import { absence } from "./absence.ts";
import { isNullMx } from "./sender-domain.ts";

/**
 * What DNS says of the name given with HELO (RFC 5321 4.1.1.1): it must have an address or MX record, or be the peer's own
 * address as a literal (4.1.3). Another's literal, or a bare number, is malformed.
 */
export async function heloNameFact(resolver: DnsResolver, helo: string, ip: string): Promise<NameFact> {
  const literal = /^\[(?:ipv6:)?([0-9a-f:.]+)\]$/i.exec(helo)?.[1];
  if (literal !== undefined) return { status: canonicalIp(literal) === ip ? "literal" : "malformed", name: helo };
  const name = canonicalDomainName(helo.replace(/\.$/, ""));
  if (name === undefined) return { status: "malformed", name: helo };
  // One label names nothing on the Internet: no resolver need be asked.
  if (!name.includes(".")) return { status: "missing", name };
  const [addresses, exchanges] = await Promise.all([resolver.addresses(name), resolver.mx(name)]);
  const hasExchange = exchanges.status === "found" && !isNullMx(exchanges.records);
  if (addresses.status === "found" || hasExchange) return { status: "found", name };
  return { status: await absence(resolver, name, [addresses, exchanges]), name };
}
