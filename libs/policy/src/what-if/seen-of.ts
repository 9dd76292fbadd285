import type { Facts } from "../types.ts";

function canonicalHost(name: string | undefined): string | undefined {
  return name?.toLowerCase().replace(/\.$/, "");
}

/** Who was seen: the peer, the host beyond a trusted relay, the names it has or gives itself, the sender and its domain. */
export function seenOf({ helo, host, ip, origin, sender }: Facts) {
  const address = sender?.address.toLowerCase() ?? "";
  return {
    ips: [ip, origin?.ip].filter((each) => each !== undefined),
    host: host?.status === "confirmed" ? canonicalHost(host.name) : undefined,
    helo: canonicalHost(helo),
    address: address === "" ? undefined : address,
    domain: address === "" ? undefined : address.slice(address.lastIndexOf("@") + 1),
  };
}
