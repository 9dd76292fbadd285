import ipaddr from "ipaddr.js";

/** What one peer is counted and denied by: its IPv4 /32 or its IPv6 /64, in CIDR form. */
export function denialPrefix(ip: string): string {
  if (!ip.includes(":")) return `${ip}/32`;
  const parsed = ipaddr.IPv6.parse(ip);
  const network = new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]);
  return `${network.toString()}/64`;
}
