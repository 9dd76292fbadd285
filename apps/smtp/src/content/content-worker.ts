import type { MessageText } from "@mailfold/mime";
import { type ContentLists, type ContentReading, type ListFindings, readWhole, searchLists } from "./read-content.ts";

/** Worker side of the content reader: one message. */
export function read({ bytes }: { readonly bytes: Uint8Array }): ContentReading {
  return readWhole(bytes);
}

/** Worker side of the content reader: one recipient's lists. */
export function search({ text, lists }: { readonly text: MessageText; readonly lists: ContentLists }): ListFindings {
  return searchLists(text, lists);
}
