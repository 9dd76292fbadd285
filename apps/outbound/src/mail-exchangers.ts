import type { DnsResolver } from "@mailfold/dns";
import ipaddr from "ipaddr.js";
import type { AddressGuard } from "./address-guard.ts";

/** A host to try, with addresses that the guard allows. */
export interface Exchanger {
  readonly host: string;
  readonly ips: readonly string[];
  readonly port: number;
}

export type Route =
  | { readonly status: "found"; readonly exchangers: readonly Exchanger[] }
  | { readonly status: "failed" | "deferred"; readonly enhancedCode: string; readonly text: string };

export interface RouteOptions {
  readonly resolver: DnsResolver;
  readonly guard: AddressGuard;
  readonly port: number;
  /** Our own name: hosts no better than it are not tried. */
  readonly hostname: string;
  readonly smarthost: { readonly host: string; readonly port: number } | undefined;
}

const exchangersMax = 5;
const addressesMax = 4;

/** Where mail for a domain goes (RFC 5321 5.1): the smarthost, its MX hosts by preference, or its own address. */
export async function findRoute(domain: string, options: RouteOptions): Promise<Route> {
  if (options.smarthost !== undefined) return smarthostRoute(options.smarthost, options);
  const mx = await options.resolver.mx(domain);
  if (mx.status === "failed") return deferred("4.4.3", `DNS: no answer for the MX records of ${domain} (${mx.cause})`);
  // RFC 7505: a single MX of "." says that the domain takes no mail.
  if (mx.status === "found" && mx.records.every((record) => record.exchange === "" || record.exchange === ".")) {
    return { status: "failed", enhancedCode: "5.1.10", text: `${domain} accepts no mail (null MX)` };
  }
  const records = mx.status === "found" ? mx.records : [{ exchange: domain, priority: 0 }];
  const better = betterThanOwn(records, options.hostname);
  if (better.length === 0) {
    const text = `the best mail server of ${domain} is this host, which does not take its mail`;
    return { status: "failed", enhancedCode: "5.4.6", text };
  }
  const hosts = better.sort((a, b) => a.priority - b.priority).map((record) => record.exchange);
  return resolveHosts(domain, hosts.slice(0, exchangersMax), options);
}

interface MxRecord {
  readonly exchange: string;
  readonly priority: number;
}

/** RFC 5321 5.1: a host that is itself an MX hands on to more preferred ones only, or mail would go round in circles. */
function betterThanOwn(records: readonly MxRecord[], hostname: string): MxRecord[] {
  const own = plainName(hostname);
  const ownPriority = Math.min(
    ...records.filter(({ exchange }) => plainName(exchange) === own).map(({ priority }) => priority),
  );
  return records.filter(({ priority }) => priority < ownPriority);
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

async function smarthostRoute(
  smarthost: { readonly host: string; readonly port: number },
  options: RouteOptions,
): Promise<Route> {
  // The operator named this host: the guard does not apply to it.
  if (ipaddr.isValid(smarthost.host)) return { status: "found", exchangers: [{ ...smarthost, ips: [smarthost.host] }] };
  const found = await options.resolver.addresses(smarthost.host);
  if (found.status !== "found") return deferred("4.4.3", `DNS: no address for the smarthost ${smarthost.host}`);
  return { status: "found", exchangers: [{ ...smarthost, ips: found.records.slice(0, addressesMax) }] };
}

async function resolveHosts(domain: string, hosts: readonly string[], options: RouteOptions): Promise<Route> {
  const exchangers: Exchanger[] = [];
  let unanswered: string | undefined;
  let forbidden: string | undefined;
  for (const host of hosts) {
    const found = ipaddr.isValid(host)
      ? ({ status: "found", records: [host] } as const)
      : await options.resolver.addresses(host);
    if (found.status === "failed") unanswered = `${host} (${found.cause})`;
    if (found.status !== "found") continue;
    const allowed = found.records.filter((ip) => options.guard(ip) === undefined);
    const refusedIp = found.records.find((ip) => options.guard(ip) !== undefined);
    if (refusedIp !== undefined) forbidden = `${host} is ${refusedIp}, ${options.guard(refusedIp)}`;
    if (allowed.length > 0) exchangers.push({ host, ips: allowed.slice(0, addressesMax), port: options.port });
  }
  if (exchangers.length > 0) return { status: "found", exchangers };
  if (unanswered !== undefined) return deferred("4.4.3", `DNS: no answer for ${unanswered}`);
  if (forbidden !== undefined)
    return { status: "failed", enhancedCode: "5.4.4", text: `refusing to connect: ${forbidden}` };
  return { status: "failed", enhancedCode: "5.1.2", text: `no mail server is known for ${domain}` };
}

function deferred(enhancedCode: string, text: string): Route {
  return { status: "deferred", enhancedCode, text };
}
