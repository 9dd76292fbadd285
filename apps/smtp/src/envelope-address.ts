import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import type { AddressForm } from "@mailfold/policy";

/** An envelope address in canonical form, with the way it was written. */
export interface EnvelopeAddress {
  /**
   * Canonical when the form is `plain`: ASCII lower case, domain in A-labels. `percent-hack`, `bang-path` and `quoted-local`
   * have a canonical domain, and no quotes that mean nothing: lists must know them again. Else as written, cut to 320 characters.
   */
  readonly address: string;
  readonly form: AddressForm;
}

const maxPathOctets = 254;
const ldhLabel = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
// RFC 5321 4.1.2 atext, plus (RFC 6531 3.3) anything beyond ASCII.
const dotString =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+)*$/u;
// RFC 5321 4.1.2 Quoted-string.
const quotedString = /^"(?:[^"\\]|\\.)*"$/u;

/**
 * Classifies what stands between the angle brackets and brings it into canonical form. The domain that decides is the one
 * behind the last "@": forms that hide a second destination (source route, percent hack, bang path) are named as such.
 */
export function classifyAddress(path: string): EnvelopeAddress {
  const written = (form: AddressForm): EnvelopeAddress => ({ address: path.slice(0, 320), form });
  if (path.startsWith("@")) return written("source-route");
  const at = path.lastIndexOf("@");
  if (at <= 0) return written("malformed");
  const local = path.slice(0, at);
  const domain = path.slice(at + 1);
  if (domain.startsWith("[")) return written(isAddressLiteral(domain) ? "ip-literal" : "malformed");
  const form = formOf(local);
  const canonicalDomain = canonicalDomainName(domain);
  if (form === "malformed" || canonicalDomain === undefined) return written("malformed");
  const address = `${foldAscii(form === "quoted-local" ? withoutIdleQuotes(local) : local)}@${canonicalDomain}`;
  if (Buffer.byteLength(address) > maxPathOctets || Buffer.byteLength(local) > 64) return written("malformed");
  return { address, form };
}

function formOf(local: string): AddressForm {
  if (quotedString.test(local)) return "quoted-local";
  // nodemailer-era relays took "a@b@ours" for a route, too: never ours to interpret.
  if (!dotString.test(local)) return "malformed";
  if (local.includes("%")) return "percent-hack";
  return local.includes("!") ? "bang-path" : "plain";
}

/** RFC 5321 4.1.2: `"joe"` and `joe` are one mailbox. */
function withoutIdleQuotes(local: string): string {
  const inside = local.slice(1, -1);
  return dotString.test(inside) ? inside : local;
}

// Only A to Z, and no normalization: both would make one address of two spellings (the Kelvin sign is no k).
function foldAscii(text: string): string {
  return !/[A-Z]/.test(text) ? text : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Domain names seen lately; bounded, because anybody can name one. */
const knownDomains = new Map<string, string>();
const knownDomainsMax = 2_000;
const knownCharactersMax = 253;

/** A domain name as lower-case A-labels; undefined when it is none (an all-digit last label is a number, not a domain). */
export function canonicalDomainName(text: string): string | undefined {
  const known = knownDomains.get(text);
  if (known !== undefined) return known;
  const name = readDomainName(text);
  if (name === undefined || text.length > knownCharactersMax) return name;
  if (knownDomains.size >= knownDomainsMax) knownDomains.clear();
  knownDomains.set(text, name);
  return name;
}

function readDomainName(text: string): string | undefined {
  const name = /^[\x21-\x7e]*$/.test(text) ? text.toLowerCase() : domainToASCII(text);
  if (name.length === 0 || name.length > 253) return undefined;
  const labels = name.split(".");
  if (!labels.every((label) => ldhLabel.test(label))) return undefined;
  return /^[0-9]+$/.test(labels.at(-1) ?? "") ? undefined : name;
}

/** Domain of a canonical address; "" for the null sender. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/** RFC 5321 4.1.3. */
function isAddressLiteral(text: string): boolean {
  if (!text.endsWith("]")) return false;
  const inside = text.slice(1, -1);
  return isIP(/^ipv6:/i.test(inside) ? inside.slice(5) : inside) !== 0;
}
