import { type SrsKeys, srsReverse } from "@mailfold/mail-auth";

/** What mail that is sent on needs of this installation. */
export interface Forwarding {
  /** Sign the addresses that bounces of forwarded mail come back to. */
  readonly srsKeys: SrsKeys;
  /** For ARC seals (RFC 8617): the private key as PEM, and where its record is published. */
  readonly sealKey: { readonly privateKeyPem: string; readonly selector: string; readonly domain: string };
}

/** Who sent the mail that a bounce to this address is about, when the address is one that we made; else undefined. */
export function srsRecipient(forwarding: Forwarding | undefined, address: string, nowMs: number): string | undefined {
  if (forwarding === undefined || !/^srs[01][=+-]/i.test(address)) return undefined;
  const found = srsReverse(address, { keys: forwarding.srsKeys, nowMs });
  return found.status === "address" ? found.address : undefined;
}
