/** An IP address as 32-bit words, most significant first; IPv4 uses `a` only. IPv4-mapped IPv6 is held as IPv4. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** A network: an address with zero host bits and a prefix length in bits (IPv4 0..32, IPv6 0..128). */
export interface IpPrefix extends IpAddress {
  readonly length: number;
}

/** What parseIpPrefix answers instead of a prefix: words for the person who wrote the text. */
export interface IpProblem {
  readonly problem: string;
}

/** Parses dotted quads strictly: four decimal octets, no leading zeros, so that `010.0.0.1` is never read as octal. */
function parseIpv4Word(text: string, start: number): number {
  let word = 0;
  let octets = 0;
  let value = -1;
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 46;
    if (code === 46) {
      if (value < 0 || value > 255 || octets === 4) return -1;
      word = word * 256 + value;
      octets++;
      value = -1;
    } else if (code >= 48 && code <= 57) {
      if (value === 0 || value > 255) return -1;
      value = Math.max(value, 0) * 10 + (code - 48);
    } else return -1;
  }
  return octets === 4 ? word : -1;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}

/** Reads the 16-bit groups of one side of `::`; answers undefined when it is not groups (RFC 4291 2.2). */
function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const word = index === parts.length - 1 ? parseIpv4Word(part, 0) : -1;
      if (word < 0) return undefined;
      groups.push(Math.floor(word / 65_536), word % 65_536);
      continue;
    }
    if (part.length === 0 || part.length > 4) return undefined;
    let value = 0;
    for (let i = 0; i < part.length; i++) {
      const digit = hexDigit(part.charCodeAt(i));
      if (digit < 0) return undefined;
      value = value * 16 + digit;
    }
    groups.push(value);
  }
  return groups;
}

function parseIpv6(text: string): IpAddress | undefined {
  if (text.length > 45) return undefined;
  const gap = text.indexOf("::");
  let groups: number[] | undefined;
  if (gap < 0) groups = parseGroups(text);
  else {
    const head = parseGroups(text.slice(0, gap));
    const tail = parseGroups(text.slice(gap + 2));
    // A dotted quad may only end the whole address, so not before the gap.
    if (!head || !tail || text.lastIndexOf(".", gap) >= 0 || head.length + tail.length > 7) return undefined;
    groups = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  }
  if (groups?.length !== 8) return undefined;
  const word = (at: number): number => (groups[at] ?? 0) * 65_536 + (groups[at + 1] ?? 0);
  const [a, b, c, d] = [word(0), word(2), word(4), word(6)];
  if (a === 0 && b === 0 && c === 0xffff) return { family: 4, a: d, b: 0, c: 0, d: 0 };
  return { family: 6, a, b, c, d };
}

/** Parses an IPv4 or IPv6 address strictly (no zone, no brackets, no octal); IPv4-mapped IPv6 becomes IPv4. Undefined = not an address. */
export function parseIp(text: string): IpAddress | undefined {
  if (text.includes(":")) return parseIpv6(text);
  if (text.length < 7 || text.length > 15) return undefined;
  const word = parseIpv4Word(text, 0);
  return word < 0 ? undefined : { family: 4, a: word, b: 0, c: 0, d: 0 };
}

/** Keeps the first `length` bits of a 32-bit word; length may lie outside 0..32. */
export function maskWord(word: number, length: number): number {
  if (length >= 32) return word;
  return length <= 0 ? 0 : (word & (0xffffffff << (32 - length))) >>> 0;
}

/** The network of `length` bits that holds an address. */
export function prefixOf(ip: IpAddress, length: number): IpPrefix {
  return {
    family: ip.family,
    a: maskWord(ip.a, length),
    b: maskWord(ip.b, length - 32),
    c: maskWord(ip.c, length - 64),
    d: maskWord(ip.d, length - 96),
    length,
  };
}

/** Whether an address lies in a network; families never match each other. */
export function prefixContains(prefix: IpPrefix, ip: IpAddress): boolean {
  return (
    prefix.family === ip.family &&
    maskWord(ip.a, prefix.length) === prefix.a &&
    maskWord(ip.b, prefix.length - 32) === prefix.b &&
    maskWord(ip.c, prefix.length - 64) === prefix.c &&
    maskWord(ip.d, prefix.length - 96) === prefix.d
  );
}

/** Parses `address` or `address/length`; refuses host bits beyond the length instead of guessing what was meant. */
export function parseIpPrefix(text: string): IpPrefix | IpProblem {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const ip = parseIp(addressText);
  if (!ip) return { problem: `"${text}" is not an IP address or CIDR` };
  const mapped = ip.family === 4 && addressText.includes(":");
  const widest = mapped ? 96 : 0;
  const longest = ip.family === 4 && !mapped ? 32 : 128;
  let length = ip.family === 4 ? 32 : 128;
  if (slash >= 0) {
    const lengthText = text.slice(slash + 1);
    const written = /^(0|[1-9]\d{0,2})$/.test(lengthText) ? Number(lengthText) : -1;
    if (written < widest || written > longest) {
      return { problem: `"${text}": the prefix length must be a number from ${widest} to ${longest}` };
    }
    length = written - widest;
  }
  const prefix = prefixOf(ip, length);
  if (prefix.a !== ip.a || prefix.b !== ip.b || prefix.c !== ip.c || prefix.d !== ip.d) {
    return { problem: `"${text}" has bits set beyond /${length}; did you mean ${formatIpPrefix(prefix)}?` };
  }
  return prefix;
}

/** RFC 5952 text of an address. */
export function formatIp(ip: IpAddress): string {
  if (ip.family === 4) return `${ip.a >>> 24}.${(ip.a >>> 16) & 255}.${(ip.a >>> 8) & 255}.${ip.a & 255}`;
  const groups: number[] = [];
  for (const word of [ip.a, ip.b, ip.c, ip.d]) groups.push(word >>> 16, word & 0xffff);
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) [bestStart, bestLength] = [start, length];
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return bestStart < 0 ? hex(0, 8) : `${hex(0, bestStart)}::${hex(bestStart + bestLength, 8)}`;
}

/** `192.0.2.1` for a single address, else `192.0.2.0/24`. */
export function formatIpPrefix(prefix: IpPrefix): string {
  const whole = prefix.family === 4 ? 32 : 128;
  return prefix.length === whole ? formatIp(prefix) : `${formatIp(prefix)}/${prefix.length}`;
}

/** 127.0.0.0/8 or ::1: this machine itself, proxies and front ends included. */
export function isLoopback(ip: IpAddress): boolean {
  if (ip.family === 4) return ip.a >>> 24 === 127;
  return ip.a === 0 && ip.b === 0 && ip.c === 0 && ip.d === 1;
}

/**
 * Loopback, private (RFC 1918, RFC 4193) and link-local addresses (RFC 3927, RFC 4291 2.5.6): they say nothing about a
 * sender, so neither DNS nor a list is ever asked about them.
 */
export function isPrivateAddress(ip: IpAddress): boolean {
  if (isLoopback(ip)) return true;
  if (ip.family === 6) return ip.a >>> 25 === 0x7e || ip.a >>> 22 === 0x3fa;
  return ip.a >>> 24 === 10 || ip.a >>> 20 === 0xac1 || ip.a >>> 16 === 0xc0a8 || ip.a >>> 16 === 0xa9fe;
}

/**
 * Whether a network named below platform scope may open relaying: no wider than /24 (IPv6 /48), and never this
 * machine itself, since everything a proxy or a web front end forwards would come from there.
 */
export function mayOpenRelaying(prefix: IpPrefix): boolean {
  const narrow = prefix.family === 4 ? prefix.length >= 24 : prefix.length >= 48;
  return narrow && !isLoopback(prefix) && !(prefix.a === 0 && prefix.b === 0 && prefix.c === 0 && prefix.d === 0);
}
