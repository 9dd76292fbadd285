import { Resolver as NodeResolver } from "node:dns/promises";
import ipaddr from "ipaddr.js";

export interface MxRecord {
  readonly exchange: string;
  readonly priority: number;
}

/** A DNS answer: records, a proof that there are none, or a failure (time-out, SERVFAIL): never mistaken for each other. */
export type DnsAnswer<T> =
  | { readonly status: "found"; readonly records: readonly T[] }
  /** `noSuchName`: NXDOMAIN, not merely no such record. */
  | { readonly status: "none"; readonly noSuchName?: true }
  | { readonly status: "failed"; readonly cause: string };

/** An address with the seconds that it may be remembered for. */
export interface AddressRecord {
  readonly address: string;
  readonly ttlSeconds: number;
}

/** DNS as the edges see it; every look-up ends within its deadline. */
export interface DnsResolver {
  mx(name: string): Promise<DnsAnswer<MxRecord>>;
  /** IPv4 and IPv6 addresses; with `family` only those, so that the other family cannot hide a failure. */
  addresses(name: string, family?: 4 | 6): Promise<DnsAnswer<string>>;
  txt(name: string): Promise<DnsAnswer<string>>;
  ptr(ip: string): Promise<DnsAnswer<string>>;
  /** IPv4 addresses with their TTL, for DNS lists; absent where nothing is remembered. */
  addressRecords?(name: string): Promise<DnsAnswer<AddressRecord>>;
  /** The name that a name is an alias of (RFC 1034 3.6.2); absent where aliases are not told apart. */
  cname?(name: string): Promise<DnsAnswer<string>>;
}

/** The name that holds an address's PTR record: in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5). */
export function reverseName(ip: string): string {
  return `${reversed(ip)}.${isIpv4(ip) ? "in-addr" : "ip6"}.arpa`;
}

/** The name that a DNS list has an entry under when it lists an address: octets or nibbles reversed (RFC 5782 2.1, 2.4). */
export function dnsListName(ip: string, zone: string): string {
  return `${reversed(ip)}.${zone}`;
}

function isIpv4(ip: string): boolean {
  return ipaddr.process(ip).kind() === "ipv4";
}

function reversed(ip: string): string {
  const address = ipaddr.process(ip);
  const octets = address.toByteArray();
  const labels =
    address.kind() === "ipv4"
      ? octets.map(String)
      : octets.flatMap((octet) => [octet >> 4, octet & 15]).map((nibble) => nibble.toString(16));
  return labels.reverse().join(".");
}

const noSuchNameCode = "ENOTFOUND";
const noRecordCodes = new Set([noSuchNameCode, "ENODATA"]);

async function ask<T>(timeoutMs: number, look: () => Promise<readonly T[]>): Promise<DnsAnswer<T>> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<DnsAnswer<T>>((resolve) => {
    timer = setTimeout(() => resolve({ status: "failed", cause: `no answer in ${timeoutMs} ms` }), timeoutMs);
  });
  const answer = look().then(
    (records): DnsAnswer<T> => (records.length > 0 ? { status: "found", records } : { status: "none" }),
    ({ code, message }: NodeJS.ErrnoException): DnsAnswer<T> => {
      if (!noRecordCodes.has(code ?? "")) return { status: "failed", cause: code ?? message };
      return code === noSuchNameCode ? { status: "none", noSuchName: true } : { status: "none" };
    },
  );
  try {
    return await Promise.race([answer, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolver over c-ares (never getaddrinfo). `server` is `ip:port`; the system's servers when absent. timeoutMs bounds each look-up. */
export function createDnsResolver(
  options: { readonly server?: string; readonly timeoutMs?: number } = {},
): DnsResolver {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const resolver = new NodeResolver({ timeout: Math.max(250, Math.floor(timeoutMs / 2)), tries: 2 });
  if (options.server !== undefined) resolver.setServers([options.server]);
  return {
    mx: (name) => ask(timeoutMs, () => resolver.resolveMx(name)),
    txt: (name) => ask(timeoutMs, async () => (await resolver.resolveTxt(name)).map((parts) => parts.join(""))),
    // Resolver.reverse says ENOTFOUND for SERVFAIL and time-outs too: ask for the record itself.
    ptr: (ip) => ask(timeoutMs, () => resolver.resolvePtr(reverseName(ip))),
    addressRecords: (name) =>
      ask(timeoutMs, async () => {
        const records = await resolver.resolve4(name, { ttl: true });
        return records.map(({ address, ttl }) => ({ address, ttlSeconds: ttl }));
      }),
    cname: (name) => ask(timeoutMs, () => resolver.resolveCname(name)),
    async addresses(name, family) {
      if (family === 4) return ask(timeoutMs, () => resolver.resolve4(name));
      if (family === 6) return ask(timeoutMs, () => resolver.resolve6(name));
      const [v4, v6] = await Promise.all([
        ask(timeoutMs, () => resolver.resolve4(name)),
        ask(timeoutMs, () => resolver.resolve6(name)),
      ]);
      const records = [...(v4.status === "found" ? v4.records : []), ...(v6.status === "found" ? v6.records : [])];
      if (records.length > 0) return { status: "found", records };
      if (v4.status === "failed") return v4;
      if (v6.status === "failed") return v6;
      // NXDOMAIN is said of the name, whatever was asked (RFC 8020).
      return v4.status === "none" && v4.noSuchName === true ? v4 : v6.status === "none" ? v6 : { status: "none" };
    },
  };
}
