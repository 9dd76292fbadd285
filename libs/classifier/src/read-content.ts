import { type ParsedMessage, textCharactersMax } from "./message.ts";
import { type HtmlScan, scanHtml } from "./scan-html.ts";
import { textUrlHosts, urlHost } from "./url-hosts.ts";

/** A message's texts read once, for tokenizer and checks alike. */
export interface MessageContent {
  /** What a reader sees, all parts; at most twice textCharactersMax. */
  readonly visible: string;
  readonly html: readonly HtmlScan[];
  /** Distinct hosts of links and written URLs, at most 200. */
  readonly hosts: readonly string[];
}

const partsMax = 20;
const hostsMax = 200;

/** Scans the text parts of a message. */
export function readContent(message: ParsedMessage): MessageContent {
  const html: HtmlScan[] = [];
  const visible: string[] = [];
  let room = 2 * textCharactersMax;
  for (const part of message.texts.slice(0, partsMax)) {
    if (room <= 0) break;
    const source = part.text.slice(0, Math.min(textCharactersMax, room));
    room -= source.length;
    if (part.type === "plain") visible.push(source);
    else {
      const scan = scanHtml(source);
      html.push(scan);
      visible.push(scan.visible);
    }
  }
  const text = visible.join("\n");
  const hosts = new Set<string>();
  for (const scan of html) {
    for (const link of scan.links) {
      const host = /^(?:https?|ftp):/i.test(link.href) ? urlHost(link.href) : "";
      if (host !== "") hosts.add(host);
    }
  }
  for (const host of textUrlHosts(text)) hosts.add(host);
  return { visible: text, html, hosts: [...hosts].slice(0, hostsMax) };
}
