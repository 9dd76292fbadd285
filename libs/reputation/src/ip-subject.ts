import { assert } from "@mailfold/kernel";

/** An address as 16-bit groups: two for IPv4, eight for IPv6; IPv4 in IPv6 (::ffff:a.b.c.d) is IPv4. */
function parse(text: string): readonly number[] | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return v4;
  if (!/^[0-9a-f:.]{2,45}$/i.test(text) || !text.includes(":")) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...(tail === undefined ? [] : [...Array.from({ length: missing }, () => 0), ...tail])];
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return mapped ? groups.slice(6) : groups;
}

function parseV4(text: string): readonly number[] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const octets = match?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = octets;
  return [a * 256 + b, c * 256 + d];
}

function groupsOf(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const last = parts.at(-1) ?? "";
  const v4 = last.includes(".") ? parseV4(last) : undefined;
  const hex = v4 === undefined ? parts : parts.slice(0, -1);
  if (hex.some((part) => !/^[0-9a-f]{1,4}$/i.test(part))) return undefined;
  return [...hex.map((part) => Number.parseInt(part, 16)), ...(v4 ?? [])];
}

const network = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(":");

/** What evidence about a peer counts for: its address and its network; or why it never counts. */
export type IpSubjects =
  | { readonly kind: "public"; readonly ip: string; readonly prefix: string }
  | { readonly kind: "private" | "malformed" };

/**
 * The subjects of a peer's address: the IPv4 address and its /24; the IPv6 /64 (whoever has one address of it has all)
 * and its /56. Loopback, private, link-local, shared and unspecified addresses (RFC 6890) say nothing of a sender.
 */
export function ipSubjects(text: string): IpSubjects {
  const groups = parse(text);
  if (groups === undefined) return { kind: "malformed" };
  return groups.length === 2 ? v4Subjects(groups) : v6Subjects(groups);
}

function v4Subjects([high = 0, low = 0]: readonly number[]): IpSubjects {
  const a = high >> 8;
  const b = high & 255;
  const c = low >> 8;
  const isPrivate =
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128) ||
    a >= 224;
  if (isPrivate) return { kind: "private" };
  return { kind: "public", ip: `${a}.${b}.${c}.${low & 255}`, prefix: `${a}.${b}.${c}.0/24` };
}

function v6Subjects(groups: readonly number[]): IpSubjects {
  const [first = 0] = groups;
  const isPrivate =
    groups.slice(0, 7).every((group) => group === 0) || // ::, ::1
    (first & 0xfe00) === 0xfc00 || // unique local
    (first & 0xffc0) === 0xfe80 || // link-local
    (first & 0xff00) === 0xff00; // multicast
  if (isPrivate) return { kind: "private" };
  const [a = 0, b = 0, c = 0, d = 0] = groups;
  return { kind: "public", ip: `${network([a, b, c, d])}::/64`, prefix: `${network([a, b, c, d & 0xff00])}::/56` };
}

/** The network of an address as ipSubjects writes it. */
export function prefixOfIp(ip: string): string {
  const subjects = ipSubjects(ip.replace("/64", ""));
  assert(subjects.kind === "public", "only public addresses are subjects");
  return subjects.prefix;
}
