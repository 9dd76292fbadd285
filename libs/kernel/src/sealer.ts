/** A sealed field: AES-256-GCM under a data key that only libs/keys can open. Base64 text. */
export interface Sealed {
  readonly keyId: string;
  readonly nonce: string;
  readonly ciphertext: string;
}

/**
 * Seals personal and secret fields of events. Synchronous, so that codecs stay simple; keys are loaded before.
 * `scope` is a tenant id, or `platform`. Opening under an erased key answers undefined.
 */
export interface Sealer {
  seal(scope: string, plaintext: string): Sealed;
  open(sealed: Sealed): string | undefined;
  /** Keyed hash (HMAC-SHA-256, hex) for stream names and comparisons: holds no personal data. */
  blindIndex(purpose: string, value: string): string;
}
