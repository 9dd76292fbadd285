import { createHmac, timingSafeEqual } from "node:crypto";

/*
 * Sender rewriting, so that forwarded mail passes SPF and its bounces find their way back. There is no RFC; the form is the
 * one that mail servers agree on:
 *
 *   SRS0=HASH=TT=origin.example=local@ours          first forwarder: local@origin.example
 *   SRS1=HASH=first.example==HASH=TT=...@ours       a further one: SRS0=HASH=TT=...@first.example
 *
 * TT: day since 1970 modulo 1024, two characters of base32. HASH: eight characters of base32 of HMAC-SHA256 over the rest and
 * our domain in lower case, as others may change case on the way. Only addresses that we made are reversed, at the domain that
 * we made them for: no relay for strangers, nor on another domain's account.
 */

/** `current` makes hashes; `previous` ones are still believed (key change). At least 16 octets each. */
export interface SrsKeys {
  readonly current: Uint8Array;
  readonly previous?: readonly Uint8Array[];
}

/** An address, or why there is none. */
export type SrsResult =
  | { readonly status: "address"; readonly address: string }
  | { readonly status: "refused"; readonly code: "not-srs" | "bad-hash" | "expired" | "bad-address" | "too-long" };

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const dayMs = 86_400_000;
const stampCycle = 1024;
/** Days in which a bounce is believed: queues give up after 5, and some bounce late. */
const validDays = 21;
/** RFC 5321 section 4.5.3.1.3: a path has 256 octets, angle brackets included. */
const addressLengthMax = 254;

/** Rewrites MAIL FROM `address` to one at `domain` (ours). The null reverse-path ("") stays as it is. */
export function srsForward(
  address: string,
  options: { readonly domain: string; readonly keys: SrsKeys; readonly nowMs: number },
): SrsResult {
  if (address === "") return { status: "address", address: "" };
  const at = address.lastIndexOf("@");
  const [local, origin] = [address.slice(0, at), address.slice(at + 1)];
  if (at < 1 || !/^[a-z0-9._-]+$/i.test(origin) || !isDotString(local))
    return { status: "refused", code: "bad-address" };
  const made = rewriteLocal(local, origin, options);
  const rewritten = `${made}@${options.domain}`;
  if (Buffer.byteLength(rewritten) > addressLengthMax) return { status: "refused", code: "too-long" };
  return { status: "address", address: rewritten };
}

function rewriteLocal(
  local: string,
  origin: string,
  options: { readonly domain: string; readonly keys: SrsKeys; readonly nowMs: number },
): string {
  const key = options.keys.current;
  const { domain } = options;
  const again = /^SRS1([=+-])([^=]+)=([^=]+)=(.+)$/i.exec(local);
  // A third forwarder keeps the first one's name and puts its own hash in front: the address does not grow at each hop.
  if (again !== null) return srs1({ key, domain }, again[3] as string, again[4] as string);
  const once = /^SRS0([=+-].+)$/i.exec(local);
  if (once !== null) return srs1({ key, domain }, origin, once[1] as string);
  const stamped = `${stampOf(options.nowMs)}=${origin}=${local}`;
  return `SRS0=${hashOf(key, `0${stamped}@${domain}`)}=${stamped}`;
}

interface Signing {
  readonly key: Uint8Array;
  readonly domain: string;
}

function srs1({ key, domain }: Signing, first: string, opaque: string): string {
  return `SRS1=${hashOf(key, `1${first}=${opaque}@${domain}`)}=${first}=${opaque}`;
}

/** Where a bounce to an address that srsForward made has to go. Says `not-srs` for any other local part. */
export function srsReverse(address: string, options: { readonly keys: SrsKeys; readonly nowMs: number }): SrsResult {
  const at = address.lastIndexOf("@");
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  const further = /^SRS1[=+-]([a-z2-7]{8})=([a-z0-9._-]+)=([=+-].+)$/i.exec(local);
  if (further !== null) {
    const [, hash, first, opaque] = further as unknown as [string, string, string, string];
    if (!isOurs(options.keys, hash, `1${first}=${opaque}@${domain}`)) return { status: "refused", code: "bad-hash" };
    return { status: "address", address: `SRS0${opaque}@${first}` };
  }
  const own = /^SRS0[=+-]([a-z2-7]{8})=([a-z2-7]{2})=([a-z0-9._-]+)=(.+)$/i.exec(local);
  if (own === null) return { status: "refused", code: /^SRS[01][=+-]/i.test(local) ? "bad-hash" : "not-srs" };
  const [, hash, stamp, origin, user] = own as unknown as [string, string, string, string, string];
  if (!isOurs(options.keys, hash, `0${stamp}=${origin}=${user}@${domain}`))
    return { status: "refused", code: "bad-hash" };
  if (ageDays(stamp, options.nowMs) > validDays) return { status: "refused", code: "expired" };
  return { status: "address", address: `${user}@${origin}` };
}

/** A dot-string (RFC 5321 section 4.1.2, RFC 6531 section 3.3); behind a prefix a quoted string would no longer be one. */
function isDotString(local: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u00a0-\uffff-]+$/.test(local);
}

function hashOf(key: Uint8Array, text: string): string {
  const digest = createHmac("sha256", key).update(text.toLowerCase()).digest();
  return [...digest.subarray(0, 8)].map((byte) => alphabet[byte & 31]).join("");
}

function isOurs(keys: SrsKeys, hash: string, text: string): boolean {
  const given = Buffer.from(hash.toLowerCase());
  return [keys.current, ...(keys.previous ?? [])].some((key) => timingSafeEqual(given, Buffer.from(hashOf(key, text))));
}

function stampOf(nowMs: number): string {
  const day = Math.floor(nowMs / dayMs) % stampCycle;
  return `${alphabet[day >> 5]}${alphabet[day & 31]}`;
}

/** Days since the stamp, in a cycle of 1024; a stamp of tomorrow (another node's clock) counts as today. */
function ageDays(stamp: string, nowMs: number): number {
  const [high, low] = [...stamp.toLowerCase()].map((char) => alphabet.indexOf(char)) as [number, number];
  const today = Math.floor(nowMs / dayMs) % stampCycle;
  const age = (today - (high * 32 + low) + stampCycle) % stampCycle;
  return age === stampCycle - 1 ? 0 : age;
}
