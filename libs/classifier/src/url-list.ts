import type { Finding } from "./message.ts";
import type { MessageContent } from "./read-content.ts";

/** An entry of a URL domain list: a domain that counts with all names under it. */
export interface UrlDomainEntry {
  readonly domain: string;
  readonly weight: number;
}

/** URL domains by name, lower case. */
export type CompiledUrlList = ReadonlyMap<string, number>;

/** Compiles a URL domain list; of entries for the same domain the heaviest counts. */
export function compileUrlList(entries: readonly UrlDomainEntry[]): CompiledUrlList {
  const list = new Map<string, number>();
  for (const { domain, weight } of entries) {
    const name = domain
      .trim()
      .toLowerCase()
      .replace(/^\*?\./, "")
      .replace(/\.+$/, "");
    list.set(name, Math.max(weight, list.get(name) ?? Number.NEGATIVE_INFINITY));
  }
  return list;
}

/** Listed domains that the message's URLs lead to, each once: the ancestor's URL Domain Black List. */
export function findListedUrls(content: MessageContent, list: CompiledUrlList): readonly Finding[] {
  const found = new Map<string, string>();
  for (const host of content.hosts) {
    const labels = host.split(".");
    for (let at = 0; at < labels.length; at += 1) {
      const name = labels.slice(at).join(".");
      if (list.has(name) && !found.has(name)) found.set(name, host);
    }
  }
  return [...found].map(([name, host]) => ({
    name: "url-domain",
    score: list.get(name) ?? 0,
    detail: (host === name ? name : `${host} is listed as ${name}`).slice(0, 200),
  }));
}
