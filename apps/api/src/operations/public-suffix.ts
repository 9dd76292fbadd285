import { parse } from "tldts";

/** Whether others register names directly under this one (publicsuffix.org: `com`, `co.uk`, `github.io`), or it has a single label. */
export function isPublicSuffix(name: string): boolean {
  if (!name.includes(".")) return true;
  const { publicSuffix } = parse(name, { allowPrivateDomains: true, validateHostname: false });
  return publicSuffix === name;
}
