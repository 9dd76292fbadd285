import { canonicalIp } from "./addresses.ts";

/** Longest PROXY v1 line with its CRLF ("The PROXY protocol" 2.1). */
export const proxyHeaderMaxBytes = 107;

export type ProxyHeader =
  /** `PROXY UNKNOWN`: the proxy speaks for itself, e.g. a health check. */
  | { readonly kind: "unknown" }
  | { readonly kind: "client"; readonly source: { readonly remoteAddress: string; readonly remotePort: number } };

/** Reads a PROXY v1 line without its CRLF. Undefined when malformed: wrong family, address, port or spacing. */
export function parseProxyV1(line: string): ProxyHeader | undefined {
  const parts = line.split(" ");
  if (parts[0] !== "PROXY") return undefined;
  if (parts[1] === "UNKNOWN") return { kind: "unknown" };
  const [, family, source = "", destination = "", sourcePort = "", destinationPort = ""] = parts;
  if (parts.length !== 6 || (family !== "TCP4" && family !== "TCP6")) return undefined;
  const isFamily = (ip: string): boolean => ip.includes(":") === (family === "TCP6") && !ip.includes("%");
  const remoteAddress = canonicalIp(source);
  const remotePort = parsePort(sourcePort);
  if (remoteAddress === undefined || !isFamily(source)) return undefined;
  if (canonicalIp(destination) === undefined || !isFamily(destination)) return undefined;
  if (remotePort === undefined || parsePort(destinationPort) === undefined) return undefined;
  return { kind: "client", source: { remoteAddress, remotePort } };
}

function parsePort(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}
