import { type DnsResolver, reverseName } from "@mailfold/dns";
import type { HostFact } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { canonicalIp } from "@mailfold/proxy-protocol";
import { domainFact } from "./directory-facts.ts";
import { canonicalDomainName } from "./envelope-address.ts";
import { absence } from "./peer/absence.ts";

// A PTR set may be large; a real host has one name, seldom a few.
const namesTriedMax = 3;

/**
 * Forward-confirmed reverse DNS of an IP (RFC 8601 2.7.3 iprev): a PTR name whose addresses include the IP. The resolver
 * bounds each look-up; a failure is a fact, never mistaken for "none".
 */
export async function confirmedHost(resolver: DnsResolver, directory: Directory, ip: string): Promise<HostFact> {
  const names = await resolver.ptr(ip);
  if (names.status === "none") {
    const proven = (await absence(resolver, reverseName(ip), [names])) === "missing";
    return { status: proven ? "none" : "failed" };
  }
  if (names.status === "failed") return { status: "failed" };
  let failed = false;
  const tried = names.records.slice(0, namesTriedMax);
  for (const record of tried) {
    const name = canonicalDomainName(record.replace(/\.$/, ""));
    if (name === undefined) continue;
    const addresses = await resolver.addresses(name);
    if (addresses.status !== "found") failed ||= (await absence(resolver, name, [addresses])) === "failed";
    if (addresses.status === "found" && addresses.records.some((address) => canonicalIp(address) === ip)) {
      return confirmed(directory, name);
    }
  }
  return { status: failed ? "failed" : "mismatch" };
}

function confirmed(directory: Directory, name: string): HostFact {
  // The nearest of the name's parents that is a domain of ours owns it.
  for (let at = name; at.includes("."); at = at.slice(at.indexOf(".") + 1)) {
    const owner = domainFact(directory, at);
    if (owner !== undefined) return { status: "confirmed", name, owner };
  }
  return { status: "confirmed", name };
}
