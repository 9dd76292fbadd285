import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsMaterial } from "./ensure-self-signed.ts";

/** Why a key and certificate cannot serve; `message` is for the operator and holds no key material. */
export class TlsMaterialInvalid extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TlsMaterialInvalid";
  }
}

/**
 * A server context for TLS 1.2 and later (RFC 8996) from PEM text. `nowMs` is when it must be valid. Throws
 * TlsMaterialInvalid on unreadable PEM, a key that is not the certificate's, or a certificate that has expired.
 */
export function createTlsContext(material: TlsMaterial, nowMs: number): SecureContext {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(material.cert);
  } catch {
    throw new TlsMaterialInvalid("the certificate is not readable PEM");
  }
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(material.key));
  } catch {
    throw new TlsMaterialInvalid("the private key is not readable PEM");
  }
  if (!matches) throw new TlsMaterialInvalid("the private key does not belong to the certificate");
  if (Date.parse(certificate.validTo) <= nowMs) {
    throw new TlsMaterialInvalid(`the certificate expired at ${certificate.validTo}`);
  }
  try {
    return createSecureContext({ key: material.key, cert: material.cert, minVersion: "TLSv1.2" });
  } catch (error) {
    throw new TlsMaterialInvalid(`TLS does not take the certificate: ${(error as Error).message}`);
  }
}

/** The context that new handshakes use; servers ask at each handshake, so a reload reaches every listener. */
export interface TlsContextProvider {
  current(): SecureContext;
  /** Swaps in new material when it is sound; else keeps the old and says why. */
  reload(material: TlsMaterial, nowMs: number): TlsReload;
}
export type TlsReload = { readonly ok: true } | { readonly ok: false; readonly problem: string };

/** A provider that starts with sound material (throws TlsMaterialInvalid else) and survives a bad reload. */
export function createTlsContextProvider(material: TlsMaterial, nowMs: number): TlsContextProvider {
  let context = createTlsContext(material, nowMs);
  return {
    current: () => context,
    reload(next, atMs) {
      try {
        context = createTlsContext(next, atMs);
        return { ok: true };
      } catch (error) {
        if (error instanceof TlsMaterialInvalid) return { ok: false, problem: error.message };
        throw error;
      }
    },
  };
}
