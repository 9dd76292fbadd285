import addressparser from "nodemailer/lib/addressparser";
import { classifyAddress } from "./envelope-address.ts";

/** What policy and trace need of a message's header. Values are unfolded; at most 998 characters of a text are kept. */
export interface HeaderFacts {
  readonly from: readonly string[];
  readonly replyTo: readonly string[];
  readonly fromCount: number;
  readonly received: number;
  /** Values of the first Received fields, newest first. */
  readonly receivedFields: readonly string[];
  readonly deliveredTo: readonly string[];
  readonly messageId: string | undefined;
  readonly subject: string | undefined;
  readonly hasDate: boolean;
  /** A NUL in the header section, or more than 256 KiB of it. Lines without a field name are passed over, as readers do. */
  readonly broken: boolean;
}

const headerMaxOctets = 256 * 1024;
const valueMaxCharacters = 16 * 1024;
const addressesMax = 100;
const textMaxCharacters = 998;
// Loop detection compares with one recipient; more stamps than this are a loop by count.
const deliveredToMax = 200;
const receivedFieldsMax = 20;
const wanted = new Set(["from", "reply-to", "received", "delivered-to", "message-id", "subject", "date"]);

/** Reads the header section of a message; linear in its length, which is capped at 256 KiB. */
export function readHeaderFacts(message: Buffer): HeaderFacts {
  const limit = Math.min(message.length, headerMaxOctets);
  const blank = message.subarray(0, limit).indexOf("\r\n\r\n");
  const startsWithBody = message.length >= 2 && message[0] === 0x0d && message[1] === 0x0a;
  const end = startsWithBody ? 0 : blank < 0 ? limit : blank + 2;
  const fields: { readonly name: string; readonly value: string }[] = [];
  let broken = blank < 0 && !startsWithBody && message.length > headerMaxOctets;
  const text = message.toString("latin1", 0, end);
  let received = 0;
  const receivedFields: string[] = [];
  for (let at = 0; at < text.length; ) {
    let next = endOfLine(text, at);
    while (next < text.length && (text[next] === " " || text[next] === "\t")) next = endOfLine(text, next);
    const name = fieldName(text, at, next);
    if (wanted.has(name)) {
      const isTrace = name === "received";
      if (isTrace) received += 1;
      if (!isTrace || receivedFields.length < receivedFieldsMax) {
        const value = unfold(text.slice(text.indexOf(":", at) + 1, next));
        if (isTrace) receivedFields.push(value);
        else fields.push({ name, value });
      }
    }
    at = next;
  }
  if (text.includes("\0")) broken = true;
  return { ...summarize(fields, broken), received, receivedFields };
}

const fieldNameMaxCharacters = 128;

/** Lower-case name of the field that starts here, "" when none does (RFC 5322 2.2; blanks before the colon are obsolete syntax). */
function fieldName(text: string, at: number, end: number): string {
  const colon = text.indexOf(":", at);
  if (colon <= at || colon >= end || colon - at > fieldNameMaxCharacters) return "";
  return text.slice(at, colon).trimEnd().toLowerCase();
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\r\n", from);
  return end < 0 ? text.length : end + 2;
}

function unfold(raw: string): string {
  const text = raw.slice(0, valueMaxCharacters).replace(/\r\n/g, "").trim();
  // Header text beyond ASCII is UTF-8 (RFC 6532) or nobody knows what; it is only compared and shown.
  return /[\u0080-\u00ff]/.test(text) ? Buffer.from(text, "latin1").toString("utf8") : text;
}

function summarize(
  fields: readonly { readonly name: string; readonly value: string }[],
  broken: boolean,
): Omit<HeaderFacts, "received" | "receivedFields"> {
  const values = (name: string): string[] => fields.filter((field) => field.name === name).map((field) => field.value);
  const from = values("from");
  const addresses = (texts: readonly string[]): string[] =>
    texts.slice(0, 10).flatMap(readAddresses).slice(0, addressesMax);
  return {
    from: addresses(from),
    replyTo: addresses(values("reply-to")),
    fromCount: from.length,
    deliveredTo: values("delivered-to").slice(0, deliveredToMax).map(canonicalOrWritten),
    messageId: values("message-id")[0]?.slice(0, textMaxCharacters),
    subject: values("subject")[0]?.slice(0, textMaxCharacters),
    hasDate: fields.some((field) => field.name === "date"),
    broken,
  };
}

// One mailbox as nearly everybody writes it, `name <a@b>` or `a@b`: what the parser would find there, without its tokens.
const plainMailbox =
  /^(?:[A-Za-z0-9 ._-]{0,100}<([A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,253})>|([A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,253}))$/;

function readAddresses(value: string): string[] {
  const plain = plainMailbox.exec(value);
  const only = plain?.[1] ?? plain?.[2];
  if (only !== undefined) return [canonicalOrWritten(only)];
  return addressparser(value, { flatten: true })
    .map((entry) => entry.address)
    .filter((address) => address.length > 0)
    .map(canonicalOrWritten);
}

function canonicalOrWritten(text: string): string {
  return classifyAddress(text.trim().replace(/^<|>$/g, "")).address;
}
