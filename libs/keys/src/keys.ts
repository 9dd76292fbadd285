import { createHmac, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import type { Sealed, Sealer } from "@mailfold/kernel";
import type { DataKey } from "./key-files.ts";
import { openKeyFiles } from "./key-files.ts";
import { decrypt, encrypt } from "./key-wrap.ts";

/** Sealing keys of one installation. Threads and processes may open the same directory at the same time. */
export interface Keys extends Sealer {
  /** A 32-byte key for one purpose (e.g. `ids`), the same for the life of the installation. */
  secret(purpose: string): Buffer;
  /**
   * Destroys a scope's key: what was sealed under it can never be opened again. This process forgets at once, others
   * within 5 s. Sealing for the scope afterwards makes a new key. False when there was no key.
   */
  eraseScope(scope: string): boolean;
  /** Whether a scope has a key: not before anything was sealed for it, and not after its erase (others see that within 5 s). */
  hasScope(scope: string): boolean;
}

export interface KeysOptions {
  /** DATA/keys; made when missing (0700, files 0600). Lost root key = lost data: back it up apart from the log. */
  readonly dir: string;
}

// Memory bound: 10,000 scopes are about 3 MB. A scope that falls out is read from its file again.
const cachedScopesMax = 10_000;
const cachedPurposesMax = 256;
const erasedKeyIdsMax = 10_000;
// How long another process's erase may go unseen here.
const recheckMs = 5_000;

interface CachedKey {
  readonly dataKey: DataKey | undefined;
  readonly readAtMs: number;
}

/**
 * Opens the keys directory, making it and its root key on first use. Every data key is on disk, synced, before anything
 * is sealed under it. In a cluster all nodes need the same directory contents (a shared secret volume, or a KMS later).
 * Throws KeysFault when the directory is damaged or incomplete.
 */
export function openKeys(options: KeysOptions): Keys {
  const files = openKeyFiles(options.dir);
  const scopes = new Map<string, CachedKey>();
  const erasedKeyIds = new Set<string>();
  const purposes = new Map<string, Buffer>();
  const indexKeys = new Map<string, KeyObject>();

  const remember = (scope: string, dataKey: DataKey | undefined) => {
    scopes.delete(scope);
    if (scopes.size >= cachedScopesMax) scopes.delete(scopes.keys().next().value ?? "");
    scopes.set(scope, { dataKey, readAtMs: performance.now() });
    return dataKey;
  };
  const current = (scope: string) => {
    const cached = scopes.get(scope);
    if (cached !== undefined && performance.now() - cached.readAtMs < recheckMs) return cached.dataKey;
    return remember(scope, files.readScope(scope));
  };
  const find = (scope: string, keyId: string) => {
    const key = current(scope);
    if (key?.keyId === keyId) return key;
    if (erasedKeyIds.has(keyId)) return undefined;
    // Another thread may have made this key since the scope was cached.
    const fresh = remember(scope, files.readScope(scope));
    if (fresh?.keyId === keyId) return fresh;
    // A key is on disk before anything is sealed under it, and key ids never return: not there now means never again.
    if (erasedKeyIds.size < erasedKeyIdsMax) erasedKeyIds.add(keyId);
    return undefined;
  };
  const secret = (purpose: string) => {
    const known = purposes.get(purpose);
    if (known !== undefined) return known;
    const derived = Buffer.from(hkdfSync("sha256", files.derivation, "", `mailfold ${purpose}`, 32));
    if (purposes.size < cachedPurposesMax) purposes.set(purpose, derived);
    return derived;
  };

  const indexKey = (purpose: string) => {
    const known = indexKeys.get(purpose);
    if (known !== undefined) return known;
    const made = createSecretKey(secret(`blind index ${purpose}`));
    if (indexKeys.size < cachedPurposesMax) indexKeys.set(purpose, made);
    return made;
  };

  return {
    secret,
    seal(scope, plaintext) {
      const { keyId, key } = current(scope) ?? files.readOrCreateScope(scope);
      if (scopes.get(scope)?.dataKey?.keyId !== keyId) remember(scope, { keyId, key });
      return { keyId, ...encrypt(key, keyId, Buffer.from(plaintext, "utf8")) };
    },
    open(sealed: Sealed) {
      const scope = sealed.keyId.slice(0, sealed.keyId.lastIndexOf("."));
      const dataKey = find(scope, sealed.keyId);
      if (dataKey === undefined) return undefined;
      return decrypt(dataKey.key, sealed.keyId, sealed).toString("utf8");
    },
    blindIndex(purpose, value) {
      return createHmac("sha256", indexKey(purpose)).update(value, "utf8").digest("hex");
    },
    eraseScope(scope) {
      const erased = files.eraseScope(scope);
      remember(scope, undefined);
      return erased;
    },
    hasScope: (scope) => current(scope) !== undefined,
  };
}
