import { join } from "node:path";
import type { Sealed, Sealer } from "@mailfold/kernel";
import { createDurably, readIfPresent } from "@mailfold/keys";
import { makeSealKey, type SealKeyRecord, sealKeyRecord } from "@mailfold/mail-auth";

/** The key that forwarded mail is sealed with (ARC), as DATA/keys/arc-seal.json keeps it. */
interface SealKeyFile {
  readonly version: 1;
  readonly selector: string;
  /** For the record in DNS: no secret. */
  readonly publicKey: string;
  readonly privateKey: Sealed;
}

/** A key ready for use, and the record to publish. */
export interface SealKeyInUse {
  readonly privateKeyPem: string;
  readonly selector: string;
  readonly domain: string;
  readonly record: SealKeyRecord;
}

const sealScope = "platform";

function pathIn(dataDir: string): string {
  return join(dataDir, "keys", "arc-seal.json");
}

function readFile(dataDir: string): SealKeyFile | undefined {
  const text = readIfPresent(pathIn(dataDir));
  return text === undefined ? undefined : (JSON.parse(text) as SealKeyFile);
}

/**
 * The installation's seal key, made at the first start. All nodes of a cluster share DATA/keys, so they share it. `domain`:
 * under which its record is published, the host name. Throws when the file is there and cannot be opened.
 */
export async function openSealKey(options: {
  readonly dataDir: string;
  readonly domain: string;
  readonly sealer: Sealer;
  readonly now: number;
}): Promise<SealKeyInUse> {
  const { dataDir, domain, sealer, now } = options;
  if (readFile(dataDir) === undefined) {
    const made = await makeSealKey();
    const file: SealKeyFile = {
      version: 1,
      selector: `arc-${new Date(now).toISOString().slice(0, 7).replace("-", "")}`,
      publicKey: made.publicKey,
      privateKey: sealer.seal(sealScope, made.privateKeyPem),
    };
    // Another node may be first: then its key is everybody's.
    createDurably(pathIn(dataDir), JSON.stringify(file));
  }
  const file = readFile(dataDir);
  const privateKeyPem = file === undefined ? undefined : sealer.open(file.privateKey);
  if (file === undefined || privateKeyPem === undefined) {
    throw new Error(
      `${pathIn(dataDir)} cannot be opened with the keys beside it: restore it, or remove it for a new key`,
    );
  }
  const { selector, publicKey } = file;
  return { privateKeyPem, selector, domain, record: sealKeyRecord({ selector, domain, publicKey }) };
}

/** The record to publish for the seal key of a data directory; undefined before the first start. */
export function sealRecordOf(dataDir: string, domain: string): SealKeyRecord | undefined {
  const file = readFile(dataDir);
  return file && sealKeyRecord({ selector: file.selector, domain, publicKey: file.publicKey });
}
