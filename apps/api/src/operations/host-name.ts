import { domainToASCII } from "node:url";

/** A domain name with its U-labels turned into A-labels; text that is ASCII stays as it is. */
export function toAsciiDomain(name: string): string {
  // Not for ASCII names: domainToASCII also reads numbers as IPv4 addresses.
  return /^[\x20-\x7e]*$/.test(name) ? name : domainToASCII(name);
}

/** An address whose domain is in A-labels. */
export function toAsciiAddress(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 0 ? address : `${address.slice(0, at)}@${toAsciiDomain(address.slice(at + 1))}`;
}
