import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

/** Says why an address must not be connected to, or undefined when it may. Checked on the resolved address, which is then the one connected to. */
export type AddressGuard = (ip: string) => string | undefined;

const publicRanges = new Set(["unicast"]);

/**
 * Refuses loopback, private, link-local, reserved and this machine's own addresses (MX records that point inwards are
 * an old way to make a server talk to itself or to its neighbours). `allowPrivate` switches it off, for tests.
 */
export function createAddressGuard(options: {
  readonly allowPrivate: boolean;
  readonly ownAddresses?: readonly string[];
}): AddressGuard {
  if (options.allowPrivate) return () => undefined;
  const local = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((item) => item.address));
  const own = new Set([...local, ...(options.ownAddresses ?? [])].filter((ip) => ipaddr.isValid(ip)).map(canonical));
  return (ip) => {
    if (!ipaddr.isValid(ip)) return "not an IP address";
    if (own.has(canonical(ip))) return "one of our own addresses";
    const range = ipaddr.process(ip).range();
    return publicRanges.has(range) ? undefined : `a ${range} address`;
  };
}

function canonical(ip: string): string {
  return ipaddr.process(ip.split("%")[0] ?? ip).toNormalizedString();
}
