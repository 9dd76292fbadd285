import ipaddr from "ipaddr.js";

type Cidr = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** An IP in its one canonical spelling: IPv4-mapped IPv6 as IPv4, IPv6 compressed and lower case, no zone. Undefined for other text. */
export function canonicalIp(text: string): string | undefined {
  const zone = text.indexOf("%");
  const bare = zone < 0 ? text : text.slice(0, zone);
  // ipaddr also reads octal and hexadecimal IPv4 ("0177.1"): only the four-part decimal form is an address here.
  if (!bare.includes(":") && !ipaddr.IPv4.isValidFourPartDecimal(bare)) return undefined;
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : undefined;
}

/** A test for membership in any of these IPs or CIDRs; throws RangeError naming the first that is neither. */
export function compileCidrs(list: readonly string[]): (ip: string) => boolean {
  const cidrs = list.map(parseCidr);
  return (ip) => {
    if (cidrs.length === 0 || !ipaddr.isValid(ip)) return false;
    const address = ipaddr.process(ip);
    return cidrs.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
  };
}

function parseCidr(text: string): Cidr {
  try {
    if (text.includes("/")) return ipaddr.parseCIDR(text);
    const address = ipaddr.process(text);
    return [address, address.kind() === "ipv4" ? 32 : 128];
  } catch {
    throw new RangeError(`${JSON.stringify(text)} is neither an IP address nor a CIDR such as 192.0.2.0/24`);
  }
}
