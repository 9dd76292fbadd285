/** Elements whose content no reader sees. */
const unseen = new Set(["script", "style", "head", "title", "template", "noscript", "svg", "object"]);
/** Elements that begin and end a line. */
const lines = new Set(
  "address article aside blockquote br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tr ul".split(
    " ",
  ),
);
const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  shy: "",
  copy: "©",
  reg: "®",
  euro: "€",
  hellip: "…",
  ndash: "–",
  mdash: "—",
  lsquo: "‘",
  rsquo: "’",
  ldquo: "“",
  rdquo: "”",
  zwnj: "",
  zwj: "",
};
/** Beyond this a quote within a tag is taken for a stray one: work stays linear. */
const quotedMax = 512;

/**
 * The words of an HTML document, without anything that could be rendered or fetched: for a look at mail that nobody trusts.
 * At most `charactersMax` characters. Linear in its input; broken HTML loses at most its own rest.
 */
export function htmlToText(html: string, charactersMax: number): string {
  const out: string[] = [];
  let room = charactersMax;
  const put = (text: string): void => {
    out.push(text.slice(0, room));
    room -= text.length;
  };
  for (let at = 0; at < html.length && room > 0; ) {
    const open = html.indexOf("<", at);
    const end = open < 0 ? html.length : open;
    if (end > at) put(decodeEntities(html.slice(at, Math.min(end, at + room * 12))).replace(/\s+/g, " "));
    if (open < 0) break;
    const tag = readTag(html, open);
    if (tag.isLine) put("\n");
    at = tag.end;
  }
  return out
    .join("")
    .replace(/ *\n */g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .replace(/ {2,}/g, " ")
    .trim();
}

/** Where what begins at `open` ends: a comment, a tag, or an element with content that is not shown. */
function readTag(html: string, open: number): { readonly end: number; readonly isLine: boolean } {
  if (html.startsWith("<!--", open)) return { end: after(html, "-->", open + 4), isLine: false };
  const name = /^\/?([a-z][a-z0-9]{0,15})/i.exec(html.slice(open + 1, open + 18))?.[0].toLowerCase();
  // A "<" that begins no tag is left out.
  if (name === undefined && !/[!?/]/.test(html[open + 1] ?? "")) return { end: open + 1, isLine: false };
  const end = tagEnd(html, open + 1);
  if (name !== undefined && unseen.has(name)) {
    const closing = new RegExp(`</${name}[\\s>/]`, "gi");
    closing.lastIndex = end;
    const found = closing.exec(html);
    return { end: found === null ? html.length : after(html, ">", found.index), isLine: true };
  }
  return { end, isLine: name !== undefined && lines.has(name.replace("/", "")) };
}

/** Behind the ">" that is not within quotes; behind the first one when quotes do not close soon. */
function tagEnd(html: string, from: number): number {
  let quote = "";
  for (let at = from; at < html.length && at < from + quotedMax; at++) {
    const character = html[at] as string;
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === ">") return at + 1;
    else if (character === '"' || character === "'") quote = character;
  }
  return after(html, ">", from);
}

function after(html: string, text: string, from: number): number {
  const found = html.indexOf(text, from);
  return found < 0 ? html.length : found + text.length;
}

function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));?/gi,
    (whole: string, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return entities[name.toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : " ";
    },
  );
}
