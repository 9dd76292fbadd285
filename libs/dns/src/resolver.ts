import { Resolver as NodeResolver } from "node:dns/promises";
import ipaddr from "ipaddr.js";

export interface MxRecord {
  readonly exchange: string;
  readonly priority: number;
}

/** A DNS answer: records, a proof that there are none, or a failure (time-out, SERVFAIL): never mistaken for each other. */
export type DnsAnswer<T> =
  | { readonly status: "found"; readonly records: readonly T[] }
  /** `noSuchName`: NXDOMAIN, not merely no such record; said by look-ups of one address family. */
  | { readonly status: "none"; readonly noSuchName?: true }
  | { readonly status: "failed"; readonly cause: string };

/** DNS as the edges see it; every look-up ends within its deadline. */
export interface DnsResolver {
  mx(name: string): Promise<DnsAnswer<MxRecord>>;
  /** IPv4 and IPv6 addresses; with `family` only those, so that the other family cannot hide a failure. */
  addresses(name: string, family?: 4 | 6): Promise<DnsAnswer<string>>;
  txt(name: string): Promise<DnsAnswer<string>>;
  ptr(ip: string): Promise<DnsAnswer<string>>;
}

/** The name that holds an address's PTR record: in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5). */
export function reverseName(ip: string): string {
  const address = ipaddr.process(ip);
  if (address.kind() === "ipv4") return `${address.toByteArray().reverse().join(".")}.in-addr.arpa`;
  const nibbles = address.toByteArray().flatMap((byte) => [byte >> 4, byte & 15]);
  return `${nibbles
    .reverse()
    .map((nibble) => nibble.toString(16))
    .join(".")}.ip6.arpa`;
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
    (error: NodeJS.ErrnoException): DnsAnswer<T> =>
      noRecordCodes.has(error.code ?? "")
        ? { status: "none" }
        : { status: "failed", cause: error.code ?? error.message },
  );
  try {
    return await Promise.race([answer, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** As ask, telling a name that does not exist (NXDOMAIN) from one without such a record. */
async function askFamily(timeoutMs: number, look: () => Promise<readonly string[]>): Promise<DnsAnswer<string>> {
  let noSuchName = false;
  const answer = await ask(timeoutMs, () =>
    look().catch((error: NodeJS.ErrnoException) => {
      noSuchName = error.code === noSuchNameCode;
      throw error;
    }),
  );
  return answer.status === "none" && noSuchName ? { status: "none", noSuchName: true } : answer;
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
    async addresses(name, family) {
      if (family === 4) return askFamily(timeoutMs, () => resolver.resolve4(name));
      if (family === 6) return askFamily(timeoutMs, () => resolver.resolve6(name));
      const [v4, v6] = await Promise.all([
        ask(timeoutMs, () => resolver.resolve4(name)),
        ask(timeoutMs, () => resolver.resolve6(name)),
      ]);
      const records = [...(v4.status === "found" ? v4.records : []), ...(v6.status === "found" ? v6.records : [])];
      if (records.length > 0) return { status: "found", records };
      if (v4.status === "failed") return v4;
      if (v6.status === "failed") return v6;
      return { status: "none" };
    },
  };
}
