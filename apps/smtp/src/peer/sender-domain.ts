import type { DnsResolver, MxRecord } from "@mailfold/dns";
import type { NameFact } from "@mailfold/policy";
import { canonicalDomainName } from "../envelope-address.ts";
import { absence } from "./absence.ts";

/** One MX of "." says that the domain takes no mail (RFC 7505 3). */
export function isNullMx(records: readonly MxRecord[]): boolean {
  return records.length === 1 && /^\.?$/.test(records[0]?.exchange ?? "");
}

/** Whether the domain of MAIL FROM can take mail: MX, else an address (RFC 5321 5.1), and no null MX. */
export async function senderDomainFact(resolver: DnsResolver, domain: string): Promise<NameFact> {
  if (domain.startsWith("[")) return { status: "literal", name: domain };
  const name = canonicalDomainName(domain);
  if (name === undefined) return { status: "malformed", name: domain };
  if (!name.includes(".")) return { status: "missing", name };
  const exchanges = await resolver.mx(name);
  if (exchanges.status === "found") return { status: isNullMx(exchanges.records) ? "nullMx" : "found", name };
  // No such name: it has no address either.
  if (exchanges.status === "none" && exchanges.noSuchName === true) return { status: "missing", name };
  const addresses = await resolver.addresses(name);
  if (addresses.status === "found") return { status: "found", name };
  return { status: await absence(resolver, name, [exchanges, addresses]), name };
}
