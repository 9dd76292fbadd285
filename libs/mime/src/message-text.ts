import { decodeHeaderText, decodeTextPart } from "./decode.ts";
import { fieldValue, headerFields } from "./header-fields.ts";
import { indexMessage } from "./index-message.ts";
import type { MimeParameter, MimePart } from "./mime-index.ts";

/** What a message says, decoded: all that filters and previews look at. */
export interface MessageText {
  /** Fields of the message's own header: names lower case, values unfolded and decoded. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Text parts in message order, those of enclosed messages included. */
  readonly texts: readonly { readonly type: "plain" | "html"; readonly text: string }[];
  /** Every other leaf. */
  readonly attachments: readonly MessageAttachment[];
  /** A bound was reached: there is more text, or more parts. */
  readonly truncated: boolean;
}

export interface MessageAttachment {
  readonly name?: string;
  /** Lower case. */
  readonly contentType: string;
  /** As it stands in the message, before its transfer encoding is undone. */
  readonly sizeBytes: number;
}

/** Bounds of reading: work stays the same however large or nested a message is. */
export const messageTextLimits = {
  headersMax: 1_000,
  textsMax: 20,
  /** Octets of one text part that are decoded. */
  textBytesMax: 1_048_576,
  /** Characters kept of one text part. */
  textCharactersMax: 262_144,
  attachmentsMax: 100,
} as const;

/** Reads a message's text. Never throws on bad input; for a worker, since a large message takes long (`MimePool.text`). */
export function readMessageText(bytes: Uint8Array): MessageText {
  const { root, truncated } = indexMessage(bytes);
  const headers: { name: string; value: string }[] = [];
  for (const field of headerFields(bytes, root.headerStart, root.bodyStart)) {
    if (headers.length === messageTextLimits.headersMax) break;
    headers.push({ name: field.name, value: decodeHeaderText(fieldValue(bytes, field)) });
  }
  const texts: MessageText["texts"][number][] = [];
  const attachments: MessageAttachment[] = [];
  let cut = truncated;
  for (const part of leaves(root)) {
    if (isShownText(part)) {
      if (texts.length === messageTextLimits.textsMax) cut = true;
      else {
        const text = textOf(bytes, part);
        cut ||= text.cut;
        texts.push({ type: part.subtype === "html" ? "html" : "plain", text: text.text });
      }
    } else if (attachments.length === messageTextLimits.attachmentsMax) cut = true;
    else attachments.push(attachmentOf(part));
  }
  return { headers, texts, attachments, truncated: cut };
}

function* leaves(part: MimePart): Generator<MimePart> {
  if (part.message !== undefined) yield* leaves(part.message);
  else if (part.parts === undefined) yield part;
  else for (const child of part.parts) yield* leaves(child);
}

function isShownText(part: MimePart): boolean {
  return part.type === "text" && part.disposition?.type.toLowerCase() !== "attachment";
}

function textOf(bytes: Uint8Array, part: MimePart): { readonly text: string; readonly cut: boolean } {
  const end = Math.min(part.bodyEnd, part.bodyStart + messageTextLimits.textBytesMax);
  const whole = decodeTextPart(bytes, { ...part, bodyEnd: end });
  const text = whole.slice(0, messageTextLimits.textCharactersMax);
  return { text, cut: end < part.bodyEnd || text.length < whole.length };
}

function attachmentOf(part: MimePart): MessageAttachment {
  const name = fileName(part.disposition?.parameters, "filename") ?? fileName(part.parameters, "name");
  return {
    ...(name === undefined ? {} : { name }),
    contentType: `${part.type}/${part.subtype}`,
    sizeBytes: part.bodyEnd - part.bodyStart,
  };
}

/** A file's name: RFC 2231 (`name*`) before plain, which many clients write as an encoded word. */
function fileName(parameters: readonly MimeParameter[] | undefined, name: string): string | undefined {
  const extended = parameters?.find(([key]) => key === `${name}*`)?.[1];
  const plain = parameters?.find(([key]) => key === name)?.[1];
  const text = extended === undefined ? plain && decodeHeaderText(plain) : decodeExtended(extended);
  return text === undefined || text === "" ? undefined : text.slice(0, 255);
}

/** `charset'language'percent-encoded` (RFC 2231 section 4). */
function decodeExtended(value: string): string {
  const [charset = "", , ...rest] = value.split("'");
  const octets = rest.join("'").replace(/%([0-9a-f]{2})/gi, (_all, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  try {
    return new TextDecoder(charset || "utf-8").decode(Buffer.from(octets, "latin1"));
  } catch {
    return octets;
  }
}
