import { findHtmlFeatures } from "./html-findings.ts";
import type { Finding, ParsedMessage } from "./message.ts";
import { findBrokenMime } from "./mime-findings.ts";
import { type CompiledPhrases, findPhrases } from "./phrase-list.ts";
import { type MessageContent, readContent } from "./read-content.ts";
import { type CompiledUrlList, findListedUrls } from "./url-list.ts";

/** Which checks run; a list left out is not looked at. */
export interface ContentChecks {
  readonly html: boolean;
  readonly mime: boolean;
  readonly phrases?: CompiledPhrases;
  readonly urls?: CompiledUrlList;
}

/** Runs the content checks that are switched on; pure, linear in the size of the texts. */
export function checkContent(
  message: ParsedMessage,
  checks: ContentChecks,
  content: MessageContent = readContent(message),
): readonly Finding[] {
  return [
    ...(checks.html ? findHtmlFeatures(content) : []),
    ...(checks.phrases === undefined ? [] : findPhrases(message, content, checks.phrases)),
    ...(checks.urls === undefined ? [] : findListedUrls(content, checks.urls)),
    ...(checks.mime ? findBrokenMime(message) : []),
  ];
}
