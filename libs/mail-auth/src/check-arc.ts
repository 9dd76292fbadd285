import type { ARCChainEntry, ARCData, ARCResult, DKIMVerifyResult } from "mailauth";
import { arc } from "mailauth/lib/arc/index.js";
import type { ArcCheck, ArcSet } from "./auth-result.ts";
import type { BoundedDns } from "./bounded-dns.ts";
import { detailOf, plainText } from "./plain-text.ts";

/** The smallest RSA key that is believed, in bits (RFC 8301 section 3.2). */
export const keyBitsMin = 1024;

/** ARC chain validation (RFC 8617 section 5.2); a chain whose keys could not be looked up is `temperror`. */
export async function evaluateArc(verified: DKIMVerifyResult, dns: BoundedDns): Promise<ArcCheck> {
  const data = verified.arc as ARCData | undefined;
  if (data === undefined) return { result: "none", chain: [] };
  const found = await arc(data, { resolver: dns.resolve, minBitLength: keyBitsMin, strict: true });
  const entries = data.chain || [];
  const chain = entries.slice(0, 50).map(setOf);
  if (found.status.result === "none") return { result: "none", chain: [] };
  if (found.status.result === "pass") return { result: "pass", chain, ...claimsOf(found) };
  // mailauth calls every failure permanent; one that rests on a key nobody could fetch is not.
  const transient = data.error === undefined && keyNames(entries).some((name) => dns.failedNames.has(name));
  if (transient) return { result: "temperror", chain, detail: "a key look-up failed" };
  return { result: "fail", chain, ...detailOf(found.status.comment ?? data.error?.message) };
}

function tag(entry: ARCChainEntry, field: "arc-seal" | "arc-message-signature", name: string): string {
  const parsed = entry[field]?.parsed as Record<string, { readonly value?: unknown } | undefined> | undefined;
  return plainText(parsed?.[name]?.value);
}

function setOf(entry: ARCChainEntry): ArcSet {
  return {
    instance: entry.i,
    domain: tag(entry, "arc-seal", "d").toLowerCase(),
    selector: tag(entry, "arc-seal", "s"),
  };
}

/** DNS names of the keys that the chain's verdict rests on: every seal's, and the newest message signature's. */
function keyNames(entries: readonly ARCChainEntry[]): string[] {
  const names = entries.map((entry) => keyName(entry, "arc-seal"));
  const newest = entries.at(-1);
  return newest === undefined ? names : [...names, keyName(newest, "arc-message-signature")];
}

function keyName(entry: ARCChainEntry, field: "arc-seal" | "arc-message-signature"): string {
  return `${tag(entry, field, "s")}._domainkey.${tag(entry, field, "d")}`.toLowerCase();
}

function claimsOf(found: ARCResult): Pick<ArcCheck, "newestClaims"> {
  const claims = found.authenticationResults as Record<string, unknown> | undefined;
  if (claims === undefined) return {};
  const resultOf = (method: string): string => {
    const entry = claims[method] as { readonly result?: unknown } | undefined;
    return plainText(entry?.result, 32).toLowerCase();
  };
  const [spf, dmarc] = [resultOf("spf"), resultOf("dmarc")];
  return {
    newestClaims: {
      authservId: plainText(claims.mta),
      ...(spf === "" ? {} : { spf }),
      ...(dmarc === "" ? {} : { dmarc }),
    },
  };
}
