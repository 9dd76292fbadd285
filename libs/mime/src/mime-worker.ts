import { indexMessage } from "./index-message.ts";
import { type ContentTerm, matchMessage } from "./match-message.ts";
import { type MessagePreview, readMessagePreview } from "./message-preview.ts";
import { type MessageText, readMessageText } from "./message-text.ts";
import type { MimeIndex } from "./mime-index.ts";

/** Worker side of the pool: indexes one message. */
export function index({ bytes }: { readonly bytes: Uint8Array }): MimeIndex {
  return indexMessage(bytes);
}

/** Worker side of the pool: what one message says. */
export function text({ bytes }: { readonly bytes: Uint8Array }): MessageText {
  return readMessageText(bytes);
}

/** Worker side of the pool: a look at one message. */
export function preview({ bytes }: { readonly bytes: Uint8Array }): MessagePreview {
  return readMessagePreview(bytes);
}

/** Worker side of the pool: each message against each term. */
export function match({
  messages,
  terms,
}: {
  readonly messages: readonly Uint8Array[];
  readonly terms: readonly ContentTerm[];
}): boolean[][] {
  return messages.map((bytes) => matchMessage(bytes, terms));
}
