import type { ListingSubject } from "@mailfold/domain";
import { parseSenderPattern } from "@mailfold/policy";
import { ipSubjects } from "@mailfold/reputation";

/** What a person writes for a subject of learned blacklists: `192.0.2.1`, `192.0.2.0/24`, `@offer.example`, `news@offer.example`. */
export function patternOf({ kind, value }: ListingSubject): string {
  return kind === "domain" ? `@${value}` : value;
}

/** The subject that a text names, as libs/reputation writes it; or why it names none. */
export function parseSubject(text: string): ListingSubject | { readonly problem: string } {
  const parsed = parseSenderPattern(text);
  if ("problem" in parsed) return parsed;
  const { kind, key, pattern } = parsed;
  switch (kind) {
    case "address":
      return { kind: "sender", value: key };
    case "domain":
    case "host":
      return { kind: "domain", value: key };
    case "suffix":
      return { problem: `"${pattern}": domains are listed by their whole name, without @*` };
    case "ip":
    case "cidr":
      return parsePeer(pattern);
  }
}

function parsePeer(pattern: string): ListingSubject | { readonly problem: string } {
  const [address = "", length] = pattern.split("/");
  const peer = ipSubjects(address);
  if (peer.kind !== "public") return { problem: `"${pattern}" is private: what comes from there is never listed` };
  const isV6 = address.includes(":");
  if (length === undefined || (isV6 && length === "64")) return { kind: "ip", value: peer.ip };
  if (length === (isV6 ? "56" : "24")) return { kind: "prefix", value: peer.prefix };
  return { problem: `"${pattern}": networks are listed as IPv4 /24 or IPv6 /56, IPv6 addresses by their /64` };
}
