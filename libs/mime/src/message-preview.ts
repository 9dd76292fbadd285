import { htmlToText } from "./html-text.ts";
import { type MessageAttachment, readMessageText } from "./message-text.ts";

/** A look at a message that nobody trusts: header fields, words, names of attachments. Nothing to render or to fetch. */
export interface MessagePreview {
  /** In order, as far as there is room. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Its plain text; of a message without any, the words of its HTML. */
  readonly text: string;
  readonly attachments: readonly MessageAttachment[];
  /** There is more than is shown. */
  readonly truncated: boolean;
}

/** Bounds of a preview, in characters and numbers. */
export const messagePreviewLimits = {
  headersMax: 100,
  headerCharactersMax: 1_000,
  textCharactersMax: 20_000,
  attachmentsMax: 50,
} as const;

/** Reads a preview. Never throws on bad input; for a worker, since a large message takes long (`MimePool.preview`). */
export function readMessagePreview(bytes: Uint8Array): MessagePreview {
  const read = readMessageText(bytes);
  const { headersMax, headerCharactersMax, textCharactersMax, attachmentsMax } = messagePreviewLimits;
  const headers = read.headers.slice(0, headersMax).map(({ name, value }) => ({
    name: printable(name),
    value: printable(value)
      .replace(/[\n\t]/g, " ")
      .slice(0, headerCharactersMax),
  }));
  const isPlain = read.texts.some(({ type, text }) => type === "plain" && text.trim() !== "");
  const words: string[] = [];
  let room: number = textCharactersMax + 1;
  for (const { type, text } of read.texts) {
    if (room <= 0) break;
    if (isPlain !== (type === "plain")) continue;
    const shown = printable(isPlain ? text.slice(0, room) : htmlToText(text, room)).trim();
    if (shown !== "") words.push(shown);
    room -= shown.length;
  }
  const text = words.join("\n\n");
  const cut = text.length > textCharactersMax || room <= 0;
  const isMore = read.headers.length > headersMax || read.attachments.length > attachmentsMax;
  return {
    headers,
    text: text.slice(0, textCharactersMax),
    attachments: read.attachments.slice(0, attachmentsMax).map((attachment) => ({
      ...attachment,
      ...(attachment.name === undefined ? {} : { name: printable(attachment.name).replace(/[\n\t]/g, " ") }),
    })),
    truncated: read.truncated || cut || isMore,
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what controls a terminal or turns text around is no text.
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function printable(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(controls, "");
}
