import type { Finding } from "./message.ts";
import type { MessageContent } from "./read-content.ts";
import type { HtmlLink, HtmlScan } from "./scan-html.ts";
import { textUrlHosts, urlHost } from "./url-hosts.ts";

/** HTML features that are found, with what each adds to the score unless a policy says otherwise. */
export const htmlFeatureScores = {
  "html-hidden-text": 1.5,
  "html-tiny-font": 1,
  "html-form": 1,
  "html-script": 1.5,
  "html-image-only": 1.2,
  "html-split-words": 1.5,
  "html-link-mismatch": 2,
  "html-link-obfuscated": 1.5,
} as const;
export type HtmlFeature = keyof typeof htmlFeatureScores;

// Preheaders and tracking blanks of honest newsletters stay below these.
const hiddenCharactersMin = 300;
const tinyCharactersMin = 40;
const imageOnlyCharactersMax = 40;
const splitWordsMin = 3;

/** The ancestor's HTML-feature filter: what HTML parts do that honest mail hardly ever does. One finding a feature. */
export function findHtmlFeatures(content: MessageContent): readonly Finding[] {
  const details = new Map<HtmlFeature, string>();
  for (const scan of content.html) {
    for (const [feature, detail] of featuresOf(scan)) if (!details.has(feature)) details.set(feature, detail);
  }
  return [...details].map(([name, detail]) => ({ name, score: htmlFeatureScores[name], detail: detail.slice(0, 200) }));
}

function* featuresOf(scan: HtmlScan): Generator<readonly [HtmlFeature, string]> {
  const hidden = scan.hidden.replace(/\s+/g, " ").trim();
  const shown = scan.visible.replace(/\s+/g, " ").trim();
  if (hidden.length >= hiddenCharactersMin && hidden.length * 2 > shown.length) {
    yield ["html-hidden-text", `${hidden.length} characters are not shown: ${hidden.slice(0, 80)}`];
  }
  if (scan.tinyCharacters >= tinyCharactersMin)
    yield ["html-tiny-font", `${scan.tinyCharacters} characters below 5 pixels`];
  if (scan.forms > 0) yield ["html-form", `${scan.forms} form(s)`];
  if (scan.scripts > 0) yield ["html-script", `${scan.scripts} script(s) or event handlers`];
  if (scan.images > 0 && shown.length <= imageOnlyCharactersMax) {
    yield ["html-image-only", `${scan.images} image(s), ${shown.length} characters of text`];
  }
  if (scan.splitWords >= splitWordsMin) yield ["html-split-words", `${scan.splitWords} words are split by markup`];
  const mismatch = scan.links.find(isMismatch);
  if (mismatch !== undefined) {
    yield ["html-link-mismatch", `shows ${textHost(mismatch)}, leads to ${urlHost(mismatch.href)}`];
  }
  const obfuscated = scan.links.find((link) => isObfuscated(link.href));
  if (obfuscated !== undefined) yield ["html-link-obfuscated", obfuscated.href.slice(0, 120)];
}

/** Host that a link's text claims to lead to, when the text is nothing but a URL. */
function textHost(link: HtmlLink): string {
  const text = link.text.trim();
  if (text === "" || /\s/.test(text)) return "";
  return textUrlHosts(text)[0] ?? "";
}

/** Text and target name hosts of which neither lies under the other's last two labels. */
function isMismatch(link: HtmlLink): boolean {
  if (!/^https?:/i.test(link.href)) return false;
  const shown = textHost(link);
  const target = urlHost(link.href);
  if (shown === "" || target === "") return false;
  const tail = (host: string): string => host.split(".").slice(-2).join(".");
  return tail(shown) !== tail(target);
}

/** User part that looks like a host, percent-coded host, address as one number, octal or hex, or data: pages. */
function isObfuscated(href: string): boolean {
  if (/^data:text\/html/i.test(href)) return true;
  const authority = /^https?:[/\\]*([^/?#\\]{1,300})/i.exec(href)?.[1];
  if (authority === undefined) return false;
  const host = authority.slice(authority.lastIndexOf("@") + 1).replace(/:\d{1,5}$/, "");
  if (authority.includes("@") && /\.[a-z]{2,}/i.test(authority.slice(0, authority.lastIndexOf("@")))) return true;
  return (
    /%[0-9a-f]{2}/i.test(host) ||
    /^(?:\d{6,10}|0x[0-9a-f]+|0\d+(?:\.\d+){3}|0x[0-9a-f]+(?:\.[0-9a-fx]+){3})$/i.test(host)
  );
}
