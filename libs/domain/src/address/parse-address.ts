import type { DomainRefusal } from "../refusals.ts";

/** An address that Mailfold can host. `canonical` is what is stored, compared and hashed. */
export interface Address {
  /** Case-folded: our own mailboxes do not tell Bob from bob (RFC 5321 2.4 leaves that to the receiving host). */
  readonly local: string;
  /** Lower-case A-label form. */
  readonly domain: string;
  readonly canonical: string;
}

// RFC 5321 4.5.3.1: local-part 64, domain 255 (253 as text), path 256 with its angle brackets.
const localOctetsMax = 64;
const domainOctetsMax = 253;
const addressOctetsMax = 254;

// RFC 5322 atext without % and !: those are relay tricks (percent hack, bang path), never names of ours.
const localPattern = /^[a-z0-9#$&'*+/=?^_`{|}~-]+(?:\.[a-z0-9#$&'*+/=?^_`{|}~-]+)*$/;
const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Text as a hostable address, or ADDRESS_INVALID. U-labels are converted at the edges, not here. */
export function parseAddress(text: string): { readonly address: Address } | { readonly refused: DomainRefusal } {
  const problem = (message: string) => ({ refused: { code: "ADDRESS_INVALID", message } as const });
  if (text.length > addressOctetsMax) return problem(`an address has at most ${addressOctetsMax} octets`);
  const at = text.lastIndexOf("@");
  if (at < 1) return problem("an address reads local@domain");
  const local = foldAscii(text.slice(0, at));
  if (local.length > localOctetsMax) return problem(`the part before @ has at most ${localOctetsMax} octets`);
  if (!localPattern.test(local)) {
    return problem("the part before @ may hold letters, digits, #$&'*+/=?^_`{|}~- and single inner dots");
  }
  const domain = parseDomainName(text.slice(at + 1));
  if ("refused" in domain) return problem(`after @: ${domain.refused.message}`);
  return { address: { local, domain: domain.name, canonical: `${local}@${domain.name}` } };
}

/** Text as a mail domain name in lower-case A-label form, or DOMAIN_INVALID. */
export function parseDomainName(text: string): { readonly name: string } | { readonly refused: DomainRefusal } {
  const problem = (message: string) => ({ refused: { code: "DOMAIN_INVALID", message, path: ["name"] } as const });
  if (text.length > domainOctetsMax) return problem(`a domain name has at most ${domainOctetsMax} characters`);
  const name = foldAscii(text);
  const labels = name.split(".");
  if (labels.length < 2) return problem("a mail domain has two labels or more, and no dot at its end");
  for (const label of labels) {
    if (!labelPattern.test(label))
      return problem("labels are 1 to 63 letters, digits and inner hyphens (A-label form)");
    // RFC 5891 4.2.3.1: hyphens in the third and fourth place are reserved for A-labels.
    if (label.startsWith("--", 2) && !/^xn--./.test(label)) return problem("no label may have -- in third place");
  }
  // A name whose last label is a number could be read as an IPv4 address (RFC 1123 2.1).
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) return problem("the last label must not be a number");
  return { name };
}

// Not toLowerCase: that folds the Kelvin sign to k, and two spellings would become one address.
function foldAscii(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
