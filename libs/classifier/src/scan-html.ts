import { textCharactersMax } from "./message.ts";

/** A link of an HTML part: where it leads and what the reader sees. */
export interface HtmlLink {
  readonly href: string;
  readonly text: string;
}

/** What one pass over an HTML part found. Linear in its length; nothing is rendered or fetched. */
export interface HtmlScan {
  /** What a reader sees, tags replaced by blanks where they break words. */
  readonly visible: string;
  /** What is there but not shown: display none, zero size, the background's colour. */
  readonly hidden: string;
  readonly tinyCharacters: number;
  readonly links: readonly HtmlLink[];
  readonly images: number;
  readonly forms: number;
  readonly scripts: number;
  /** Comments or empty tags that stand inside a word: `vi<!-- x -->agra`. */
  readonly splitWords: number;
}

const linksMax = 500;
const depthMax = 256;
const attributeCharactersMax = 4_096;
const voidTags = new Set(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"]);
const inlineTags = new Set(["a", "abbr", "b", "big", "em", "font", "i", "s", "small", "span", "strong", "u", "wbr"]);
const rawTags = new Set(["script", "style", "title", "textarea", "template", "noscript"]);

interface Frame {
  readonly tag: string;
  readonly hidden: boolean;
  readonly tiny: boolean;
}

interface Collected {
  visible: string[];
  hidden: string[];
  tinyCharacters: number;
  links: HtmlLink[];
  images: number;
  forms: number;
  scripts: number;
  splitWords: number;
  stack: Frame[];
  link: { href: string; text: string } | undefined;
}

/** Reads an HTML part as far as textCharactersMax. */
export function scanHtml(source: string): HtmlScan {
  const html = source.slice(0, textCharactersMax);
  const out: Collected = {
    visible: [],
    hidden: [],
    tinyCharacters: 0,
    links: [],
    images: 0,
    forms: 0,
    scripts: 0,
    splitWords: 0,
    stack: [],
    link: undefined,
  };
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf("<", at);
    const end = open < 0 ? html.length : open;
    if (end > at) takeText(out, decodeEntities(html.slice(at, end)));
    if (open < 0) break;
    at = takeMarkup(out, html, open);
  }
  closeLink(out);
  return {
    visible: out.visible.join(""),
    hidden: out.hidden.join(""),
    tinyCharacters: out.tinyCharacters,
    links: out.links,
    images: out.images,
    forms: out.forms,
    scripts: out.scripts,
    splitWords: out.splitWords,
  };
}

function takeText(out: Collected, text: string): void {
  const frame = out.stack.at(-1);
  if (frame?.hidden === true) {
    out.hidden.push(text);
    return;
  }
  if (frame?.tiny === true) out.tinyCharacters += text.replace(/\s+/g, "").length;
  out.visible.push(text);
  if (out.link !== undefined && out.link.text.length < 500) out.link.text += text;
}

/** Takes the markup that starts at `open`; answers where the text goes on. */
function takeMarkup(out: Collected, html: string, open: number): number {
  if (html.startsWith("<!--", open)) {
    const end = html.indexOf("-->", open + 4);
    if (end < 0) return html.length;
    if (isInsideWord(html, open, end + 3)) out.splitWords += 1;
    return end + 3;
  }
  const name = /^<(\/?)([a-z][a-z0-9:-]{0,30})/i.exec(html.slice(open, open + 34));
  if (name === null) {
    // `<` of plain text, or a declaration.
    const declaration = html[open + 1] === "!" || html[open + 1] === "?";
    if (!declaration) takeText(out, "<");
    const end = declaration ? html.indexOf(">", open) : open;
    return end < 0 ? html.length : end + 1;
  }
  const end = tagEnd(html, open + name[0].length);
  const tag = (name[2] ?? "").toLowerCase();
  if (name[1] === "/") {
    closeTag(out, tag);
    return end;
  }
  openTag(out, tag, html.slice(open + name[0].length, Math.min(end, open + attributeCharactersMax)));
  if (inlineTags.has(tag) && html.startsWith(`</${tag}>`, end) && isInsideWord(html, open, end + tag.length + 3)) {
    out.splitWords += 1;
  }
  if (!rawTags.has(tag)) return end;
  const close = html.slice(end).search(new RegExp(`</${tag}`, "i"));
  return close < 0 ? html.length : end + close;
}

/** Where a tag ends: after the first `>` outside quotes, or the first `>` at all when a quote stays open. */
function tagEnd(html: string, from: number): number {
  let quote = "";
  const limit = Math.min(html.length, from + attributeCharactersMax);
  for (let at = from; at < limit; at += 1) {
    const character = html[at];
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === ">") return at + 1;
  }
  const first = html.indexOf(">", from);
  return first < 0 ? html.length : first + 1;
}

function isInsideWord(html: string, start: number, end: number): boolean {
  return /\w/.test(html[start - 1] ?? "") && /\w/.test(html[end] ?? "");
}

function openTag(out: Collected, tag: string, attributes: string): void {
  if (!inlineTags.has(tag)) out.visible.push(" ");
  if (tag === "img") out.images += 1;
  if (tag === "form" || tag === "input") out.forms += tag === "form" ? 1 : 0;
  if (tag === "script" || /\son[a-z]{3,20}\s*=/i.test(attributes)) out.scripts += 1;
  if (tag === "a" || tag === "area") {
    closeLink(out);
    const href = decodeEntities(attribute(attributes, "href")).trim();
    if (/^javascript:/i.test(href)) out.scripts += 1;
    out.link = href === "" ? undefined : { href, text: "" };
  }
  if (voidTags.has(tag) || out.stack.length >= depthMax) return;
  const style = attribute(attributes, "style").toLowerCase().replace(/\s+/g, "");
  const above = out.stack.at(-1);
  out.stack.push({
    tag,
    hidden: above?.hidden === true || rawTags.has(tag) || isHidden(style, attributes),
    tiny: above?.tiny === true ? !/font-size:(?:1[0-9]|[2-9][0-9])/.test(style) : isTiny(style, tag, attributes),
  });
}

function closeTag(out: Collected, tag: string): void {
  if (!inlineTags.has(tag)) out.visible.push(" ");
  if (tag === "a") closeLink(out);
  const at = out.stack.findLastIndex((frame) => frame.tag === tag);
  if (at >= 0) out.stack.length = at;
}

function closeLink(out: Collected): void {
  if (out.link !== undefined && out.links.length < linksMax) out.links.push(out.link);
  out.link = undefined;
}

function attribute(attributes: string, name: string): string {
  const match = new RegExp(`(?:^|[\\s"'/])${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>"']+))`, "i").exec(attributes);
  return match?.[1] ?? match?.[2] ?? match?.[3] ?? "";
}

function isHidden(style: string, attributes: string): boolean {
  if (/display:none|visibility:hidden|mso-hide:all|font-size:0(?![.\d]*[1-9])|opacity:0(?![.\d]*[1-9])/.test(style))
    return true;
  if (/(?:max-height|max-width):0(?![.\d])/.test(style) && /overflow:hidden/.test(style)) return true;
  if (/(?:^|\s)hidden(?:\s|=|$|>)/i.test(attributes)) return true;
  const colour = /(?:^|;)color:([^;]+)/.exec(style)?.[1];
  const ground = /background(?:-color)?:([^;]+)/.exec(style)?.[1];
  return colour !== undefined && ground !== undefined && sameColour(colour) === sameColour(ground);
}

function sameColour(text: string): string {
  const named = text === "white" ? "#ffffff" : text === "black" ? "#000000" : text;
  return /^#[0-9a-f]{3}$/.test(named) ? named.replace(/[0-9a-f]/g, "$&$&") : named;
}

function isTiny(style: string, tag: string, attributes: string): boolean {
  if (tag === "font" && /\ssize\s*=\s*["']?-[2-9]/i.test(` ${attributes}`)) return true;
  const size = /font-size:(\d{1,3}(?:\.\d{1,4})?)(px|pt)/.exec(style);
  return size !== null && Number(size[1]) * (size[2] === "pt" ? 4 / 3 : 1) < 5;
}

const namedEntities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  shy: "\u00ad",
  zwnj: "\u200c",
  zwj: "\u200d",
};

/** Character references of HTML that mail uses to disguise words and links. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));?/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return namedEntities[(name as string).toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : " ";
  });
}
