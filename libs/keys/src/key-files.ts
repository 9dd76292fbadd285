import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createDurably, destroyDurably, readIfPresent } from "./durable-file.ts";
import { decrypt, encrypt } from "./key-wrap.ts";

/** The keys directory cannot be used. The message says which file and what to do, and holds no key. */
export class KeysFault extends Error {
  override readonly name = "KeysFault";
}

/** A data key, unwrapped. */
export interface DataKey {
  readonly keyId: string;
  readonly key: KeyObject;
}

interface KeyFile {
  readonly version: 1;
  readonly keyId: string;
  /** The root file holds its key open; all others wrap theirs. */
  readonly key?: string;
  readonly nonce?: string;
  readonly ciphertext?: string;
}

const keyBytes = 32;
const erasedKeyId = "erased";
const scopePattern = /^[a-z0-9_]{1,64}$/;

/** Key files under DATA/keys: `root.json`, `derivation.json` and `scopes/<scope>.json`. */
export interface KeyFiles {
  readonly derivation: Buffer;
  readScope(scope: string): DataKey | undefined;
  readOrCreateScope(scope: string): DataKey;
  /** Removes a scope's key for good. False when there was none. */
  eraseScope(scope: string): boolean;
}

/** Opens the directory, or makes it with a new root key. Never makes a root key beside keys that it could not open. */
export function openKeyFiles(dir: string): KeyFiles {
  const scopesDir = join(dir, "scopes");
  mkdirSync(scopesDir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  chmodSync(scopesDir, 0o700);
  const root = readOrCreateRoot(dir, scopesDir);
  const scopePath = (scope: string) => {
    if (!scopePattern.test(scope)) throw new Error(`not a key scope: ${JSON.stringify(scope).slice(0, 80)}`);
    return join(scopesDir, `${scope}.json`);
  };
  return {
    derivation: readOrCreateWrapped(root, join(dir, "derivation.json"), "derivation").key.export(),
    readScope: (scope) => readWrapped(root, scopePath(scope), scope),
    readOrCreateScope: (scope) => readOrCreateWrapped(root, scopePath(scope), scope),
    eraseScope: (scope) => erase(scopePath(scope)),
  };
}

function readOrCreateRoot(dir: string, scopesDir: string): KeyObject {
  const path = join(dir, "root.json");
  const found = readIfPresent(path);
  if (found === undefined) {
    if (readIfPresent(join(dir, "derivation.json")) !== undefined || readdirSync(scopesDir).length > 0) {
      throw new KeysFault(`${path} is missing, but keys wrapped by it exist: restore it from the backup of ${dir}`);
    }
    const file: KeyFile = { version: 1, keyId: "root", key: randomBytes(keyBytes).toString("base64") };
    createDurably(path, JSON.stringify(file));
    return readOrCreateRoot(dir, scopesDir);
  }
  // A restore by plain copy may have left it readable by others.
  chmodSync(path, 0o600);
  const key = Buffer.from(parseKeyFile(path, found).key ?? "", "base64");
  if (key.length !== keyBytes) throw new KeysFault(`${path} is damaged: restore it from the backup of ${dir}`);
  return createSecretKey(key);
}

function readWrapped(root: KeyObject, path: string, scope: string): DataKey | undefined {
  const found = readIfPresent(path);
  if (found === undefined) return undefined;
  const { keyId, nonce, ciphertext } = parseKeyFile(path, found);
  if (keyId === erasedKeyId) {
    // A crash came between overwriting and removing.
    destroyDurably(path, found);
    return undefined;
  }
  try {
    const key = decrypt(root, wrapContext(scope, keyId), { nonce: nonce ?? "", ciphertext: ciphertext ?? "" });
    if (key.length === keyBytes) return { keyId, key: createSecretKey(key) };
  } catch {
    // Told below: the cause of a failed authentication says nothing more.
  }
  throw new KeysFault(
    `${path} does not open under the root key: files of two installations were mixed, or it is damaged`,
  );
}

function readOrCreateWrapped(root: KeyObject, path: string, scope: string): DataKey {
  const found = readWrapped(root, path, scope);
  if (found !== undefined) return found;
  // Random, so that a key made after an erase is not taken for the erased one.
  const keyId = `${scope}.${randomBytes(4).toString("hex")}`;
  const wrapped = encrypt(root, wrapContext(scope, keyId), randomBytes(keyBytes));
  const file: KeyFile = { version: 1, keyId, ...wrapped };
  createDurably(path, JSON.stringify(file));
  const made = readWrapped(root, path, scope);
  if (made === undefined) throw new KeysFault(`${path} vanished while it was made`);
  return made;
}

function erase(path: string): boolean {
  if (readIfPresent(path) === undefined) return false;
  // Overwritten first: on file systems that write in place, the wrapped key is gone from the disk as well.
  destroyDurably(path, JSON.stringify({ version: 1, keyId: erasedKeyId }));
  return true;
}

function parseKeyFile(path: string, text: string): KeyFile {
  try {
    const file = JSON.parse(text);
    if (file?.version === 1 && typeof file.keyId === "string") return file;
  } catch {
    // Told below.
  }
  throw new KeysFault(`${path} is not a key file of version 1: restore it from the backup`);
}

function wrapContext(scope: string, keyId: string): string {
  return `mailfold key ${scope} ${keyId}`;
}
