import {
  compilePhrases,
  compileUrlList,
  type Finding,
  findBrokenMime,
  findHtmlFeatures,
  findListedUrls,
  findPhrases,
  type PhraseEntry,
  readContent,
  tokenize,
  type UrlDomainEntry,
} from "@mailfold/classifier";
import { findMimeFlags, type MessageText, readMessageText } from "@mailfold/mime";

/** What a message says and how it says it: all that does not depend on a recipient's settings. */
export interface ContentReading {
  readonly text: MessageText;
  /** For the statistical filter. */
  readonly tokens: readonly string[];
  readonly html: readonly Finding[];
  readonly mime: readonly Finding[];
}

/** A recipient's own lists. */
export interface ContentLists {
  readonly phrases: readonly PhraseEntry[];
  readonly urls: readonly UrlDomainEntry[];
}

/** Findings of the lists, by the check that made them. */
export interface ListFindings {
  readonly phrases: readonly Finding[];
  readonly urls: readonly Finding[];
}

/** Reads a message once. Linear in its size, and bounded; for a worker when it is more than small. */
export function readWhole(bytes: Uint8Array): ContentReading {
  const text = readMessageText(bytes);
  const content = readContent(text);
  return {
    text,
    tokens: tokenize(text, content),
    html: findHtmlFeatures(content),
    mime: findBrokenMime({ ...text, mimeFlags: findMimeFlags(bytes) }),
  };
}

/** Looks for listed phrases and link domains in a message that was read before. Entries that cannot be used find nothing. */
export function searchLists(text: MessageText, lists: ContentLists): ListFindings {
  const content = readContent(text);
  const { phrases } = compilePhrases(lists.phrases);
  return {
    phrases: phrases === undefined ? [] : findPhrases(text, content, phrases),
    urls: lists.urls.length === 0 ? [] : findListedUrls(content, compileUrlList(lists.urls)),
  };
}
