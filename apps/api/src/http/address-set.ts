import ipaddr from "ipaddr.js";

/** Tells whether an IP address lies in one of some CIDR ranges; IPv4-mapped IPv6 counts as IPv4. */
export type AddressSet = (address: string | undefined) => boolean;

/** A set of CIDRs or single addresses; throws on text that is neither. */
export function createAddressSet(ranges: readonly string[]): AddressSet {
  const parsed = ranges.map((range) => (range.includes("/") ? ipaddr.parseCIDR(range) : single(ipaddr.process(range))));
  return (address) => {
    if (address === undefined || !ipaddr.isValid(address)) return false;
    const ip = ipaddr.process(address);
    return parsed.some(([network, bits]) => network.kind() === ip.kind() && ip.match(network, bits));
  };
}

function single(ip: ipaddr.IPv4 | ipaddr.IPv6): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  return [ip, ip.kind() === "ipv4" ? 32 : 128];
}

/** Whether an address is the machine's own loopback. */
export const isLoopback: AddressSet = createAddressSet(["127.0.0.0/8", "::1/128"]);

/** Whether a listener on this host can only be reached from the machine itself. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || isLoopback(host);
}
