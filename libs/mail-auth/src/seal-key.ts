import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

/** A key for ARC seals: the private half stays sealed with us, the public half goes into DNS. */
export interface SealKey {
  readonly privateKeyPem: string;
  /** DER SubjectPublicKeyInfo in base64, as the p= tag takes it. */
  readonly publicKey: string;
}

/** A DNS record to publish, in the forms that control panels and zone files take. */
export interface SealKeyRecord {
  readonly name: string;
  readonly type: "TXT";
  /** The whole text, for panels that split it themselves. */
  readonly value: string;
  /** The text in strings of at most 255 octets (RFC 1035 section 3.3.14), as a zone file wants it. */
  readonly strings: readonly string[];
  readonly zoneLine: string;
}

const generate = promisify(generateKeyPair);

/** A new 2048-bit RSA key: every verifier must take rsa-sha256 (RFC 8301 section 3.1), few take ed25519 yet. */
export async function makeSealKey(): Promise<SealKey> {
  const { privateKey, publicKey } = await generate("rsa", { modulusLength: 2048 });
  return {
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
  };
}

/** The key record (RFC 6376 section 3.6.1) of a seal key under `selector` at `domain`. */
export function sealKeyRecord(options: {
  readonly selector: string;
  readonly domain: string;
  readonly publicKey: string;
}): SealKeyRecord {
  const name = `${options.selector}._domainkey.${options.domain}`;
  const value = `v=DKIM1; k=rsa; p=${options.publicKey}`;
  const strings = value.match(/.{1,255}/g) ?? [];
  const zoneLine = `${name}. IN TXT ( ${strings.map((one) => `"${one}"`).join(" ")} )`;
  return { name, type: "TXT", value, strings, zoneLine };
}
