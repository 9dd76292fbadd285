/** What a Received line tells of a session. */
export interface TraceSource {
  readonly hostname: string;
  readonly ip: string;
  readonly helo: string;
  readonly isEsmtp: boolean;
  readonly isAuthenticated: boolean;
  readonly smtpUtf8: boolean;
  readonly confirmedName: string | undefined;
  readonly tls: { readonly protocol: string; readonly cipher: string } | undefined;
  readonly transactionId: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

let lastSecond = Number.NaN;
let lastDate = "";

/** An instant as RFC 5322 3.3 writes it, in UTC; written once for all messages of a second. */
function mailDate(atMs: number): string {
  const second = Math.floor(atMs / 1_000);
  if (second !== lastSecond) {
    lastDate = new Date(atMs).toUTCString().replace("GMT", "+0000");
    lastSecond = second;
  }
  return lastDate;
}

/** The Received field (RFC 5321 4.4), folded, with CRLF. `recipient` only when it is the copy's only one: nobody learns of others. */
export function receivedField(source: TraceSource, recipient: string | undefined): string {
  const name = source.confirmedName === undefined ? "" : `${source.confirmedName} `;
  const literal = source.ip.includes(":") ? `[IPv6:${source.ip}]` : `[${source.ip}]`;
  const helo = source.helo.replace(/[^A-Za-z0-9._:[\]-]/g, "?").slice(0, 255) || "unknown";
  const tls = source.tls === undefined ? "" : `\r\n\t(using ${source.tls.protocol} with cipher ${source.tls.cipher})`;
  const forClause = recipient === undefined ? "" : `\r\n\tfor <${recipient}>`;
  return (
    `Received: from ${helo} (${name}${literal})${tls}\r\n` +
    `\tby ${source.hostname} (Mailfold) with ${protocolKeyword(source)} id ${source.transactionId}${forClause};\r\n` +
    `\t${mailDate(source.receivedAt)}\r\n`
  );
}

/** RFC 3848 and RFC 6531 4.3: ESMTP, then S for TLS, then A for a login. */
function protocolKeyword(source: TraceSource): string {
  if (!source.isEsmtp) return "SMTP";
  const base = source.smtpUtf8 ? "UTF8SMTP" : "ESMTP";
  return `${base}${source.tls === undefined ? "" : "S"}${source.isAuthenticated ? "A" : ""}`;
}

/** Trace fields in front of a copy that is delivered here: the last hop's Return-Path, and the loop mark. */
export function deliveryFields(sender: string, mailboxAddress: string): string {
  return `Return-Path: <${sender}>\r\nDelivered-To: ${mailboxAddress}\r\n`;
}

/** Our Received field for a copy whose only recipient is given, and behind it what a submitted message must have and lacks. */
export function traceFields(
  source: TraceSource,
  has: { readonly date: boolean; readonly messageId: boolean },
): (recipient: string | undefined) => string {
  const more = source.isAuthenticated ? submissionFields(source, has) : "";
  return (recipient) => receivedField(source, recipient) + more;
}

/** Fields that a submitted message must have and lacks (RFC 6409 8.2, 8.3). */
function submissionFields(source: TraceSource, has: { readonly date: boolean; readonly messageId: boolean }): string {
  const date = has.date ? "" : `Date: ${mailDate(source.receivedAt)}\r\n`;
  const messageId = has.messageId ? "" : `Message-ID: <${source.transactionId}@${source.hostname}>\r\n`;
  return date + messageId;
}
