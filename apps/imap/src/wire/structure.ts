import type { MimeAddress, MimeEnvelope, MimeParameter, MimePart } from "@mailfold/mime";
import { imapNstring, imapString } from "./format.ts";

/** ENVELOPE of RFC 3501 section 7.4.2. */
export function formatEnvelope(envelope: MimeEnvelope): string {
  const addresses = [envelope.from, envelope.sender, envelope.replyTo, envelope.to, envelope.cc, envelope.bcc];
  const fields = [
    imapNstring(envelope.date),
    imapNstring(envelope.subject),
    ...addresses.map(formatAddresses),
    imapNstring(envelope.inReplyTo),
    imapNstring(envelope.messageId),
  ];
  return `(${fields.join(" ")})`;
}

function formatAddresses(addresses: readonly MimeAddress[] | undefined): string {
  if (addresses === undefined || addresses.length === 0) return "NIL";
  return `(${addresses.map((address) => `(${address.map(imapNstring).join(" ")})`).join("")})`;
}

/** BODY (`extended` false) or BODYSTRUCTURE of RFC 3501 section 7.4.2. Depth is bounded by the index. */
export function formatStructure(part: MimePart, extended: boolean): string {
  if (part.type === "multipart") return formatMultipart(part, extended);
  const items = [
    upper(part.type),
    upper(part.subtype),
    formatParameters(part.parameters),
    imapNstring(part.id),
    imapNstring(part.description),
    upper(part.encoding ?? "7bit"),
    String(part.bodyEnd - part.bodyStart),
  ];
  // RFC 3501 section 9 media-message is rfc822 alone; a message/global (RFC 6532) has no envelope and body here.
  const isMessage = part.type === "message" && part.subtype === "rfc822";
  if (isMessage && part.message !== undefined) {
    items.push(
      formatEnvelope(part.message.envelope ?? {}),
      formatStructure(part.message, extended),
      String(part.lines),
    );
  } else if (isMessage) {
    // Too deep to be looked into, yet the grammar wants an envelope and a body here: shown as opaque instead.
    items[0] = '"APPLICATION"';
    items[1] = '"OCTET-STREAM"';
  } else if (part.type === "text") items.push(String(part.lines));
  if (extended) items.push(imapNstring(part.md5), formatTail(part));
  return `(${items.join(" ")})`;
}

function formatMultipart(part: MimePart, extended: boolean): string {
  const parts = part.parts ?? [];
  // The grammar wants one part at least; a multipart without any shows an empty text.
  const shown = parts.length > 0 ? parts.map((child) => formatStructure(child, extended)).join("") : emptyText;
  const tail = extended ? ` ${formatParameters(part.parameters)} ${formatTail(part)}` : "";
  return `(${shown} ${upper(part.subtype)}${tail})`;
}

const emptyText = '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)';

function formatTail(part: MimePart): string {
  const { disposition, language } = part;
  const shownDisposition =
    disposition === undefined ? "NIL" : `(${imapString(disposition.type)} ${formatParameters(disposition.parameters)})`;
  const shownLanguage =
    language === undefined
      ? "NIL"
      : language.length === 1
        ? imapString(language[0] as string)
        : `(${language.map(imapString).join(" ")})`;
  return `${shownDisposition} ${shownLanguage} ${imapNstring(part.location)}`;
}

function formatParameters(parameters: readonly MimeParameter[]): string {
  if (parameters.length === 0) return "NIL";
  return `(${parameters.map(([name, value]) => `${upper(name)} ${imapString(value)}`).join(" ")})`;
}

/** Types and names are case-insensitive; upper case is what old clients compare with. */
function upper(text: string): string {
  return imapString(text.toUpperCase());
}
