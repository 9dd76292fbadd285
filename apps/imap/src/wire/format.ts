/** A string as the server sends it, one character per octet: quoted when it is printable ASCII, else a literal. */
export function imapString(octets: string): string {
  if (octets.length <= 1_000 && /^[\x20-\x7e]*$/.test(octets)) return `"${octets.replace(/["\\]/g, "\\$&")}"`;
  // NUL cannot stand in a literal (RFC 3501 section 9, CHAR8).
  const sendable = octets.includes("\0") ? octets.replaceAll("\0", "") : octets;
  return `{${sendable.length}}\r\n${sendable}`;
}

export function imapNstring(octets: string | null | undefined): string {
  return octets === null || octets === undefined ? "NIL" : imapString(octets);
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** date-time of RFC 3501 section 9 in UTC, quoted. `at`: ms since the epoch. */
export function imapDateTime(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = String(date.getUTCDate()).padStart(2, " ");
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `"${day}-${months[date.getUTCMonth()]}-${String(date.getUTCFullYear()).padStart(4, "0")} ${time} +0000"`;
}

/** ms since the epoch of a date-time (` 7-Nov-2026 10:00:00 +0100`), or undefined. */
export function parseImapDateTime(text: string): number | undefined {
  const match = /^([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const day = parseImapDate(`${match[1]?.trim()}-${match[2]}-${match[3]}`);
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  if (day === undefined || hour > 23 || minute > 59 || second > 60) return undefined;
  const zoneMinutes = (Number(match[8]) * 60 + Number(match[9])) * (match[7] === "-" ? -1 : 1);
  return day * 86_400_000 + ((hour * 60 + minute - zoneMinutes) * 60 + second) * 1_000;
}

/** Days since 1970-01-01 of a date (`7-Nov-2026`), or undefined. */
export function parseImapDate(text: string): number | undefined {
  const match = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(text);
  const month = months.findIndex((name) => name.toLowerCase() === match?.[2]?.toLowerCase());
  const day = Number(match?.[1]);
  if (match === null || month < 0 || day < 1 || day > 31) return undefined;
  return Math.floor(Date.UTC(Number(match[3]), month, day) / 86_400_000);
}
