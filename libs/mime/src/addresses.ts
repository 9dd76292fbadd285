import { mimeLimits } from "./limits.ts";
import type { MimeAddress } from "./mime-index.ts";
import { commentEnd } from "./parameters.ts";

type Token =
  | { readonly type: "word" | "quoted" | "comment"; readonly text: string; readonly spaced: boolean }
  | { readonly type: "mark"; readonly text: string; readonly spaced: boolean };

const marks = "<>@,:;";

/**
 * Addresses of a From, To... field (RFC 5322 section 3.4, obsolete forms tolerated) as ENVELOPE shows them. Encoded
 * words stay raw, so no decoded text can pass for an address. Linear; at most `addressesMax` entries.
 */
export function parseAddressList(text: string): MimeAddress[] {
  const list = new AddressList();
  let depth = 0;
  for (const token of tokens(text)) {
    if (list.full) break;
    if (token.type !== "mark") list.word(token);
    else if (token.text === "<") depth = list.openAngle(depth);
    else if (token.text === ">") depth = list.closeAngle();
    else if (depth > 0) list.insideAngle(token.text);
    else if (token.text === ",") list.finish();
    else if (token.text === ":") list.openGroup();
    else if (token.text === ";") list.closeGroup();
    else list.at();
  }
  list.end();
  return list.entries;
}

/** Gathers the words of one address at a time. */
class AddressList {
  readonly entries: MimeAddress[] = [];
  #phrase: string[] = [];
  #local: string[] = [];
  #host: string[] | undefined;
  #comment: string | undefined;
  #route: string | undefined;
  #angle = false;
  #inAngle = false;
  #inGroup = false;

  get full(): boolean {
    return this.entries.length >= mimeLimits.addressesMax;
  }

  word(token: Token): void {
    if (token.type === "comment") {
      this.#comment ??= token.text.trim();
      return;
    }
    if (this.#host !== undefined && (this.#inAngle || !this.#angle)) this.#host.push(token.text);
    else if (this.#inAngle) this.#local.push(token.text);
    else if (!this.#angle) this.#phrase.push(this.#phrase.length > 0 && token.spaced ? ` ${token.text}` : token.text);
  }

  openAngle(depth: number): number {
    if (depth > 0) return depth;
    // `a@b <c@d>`: what stood before was a display name after all.
    if (this.#host !== undefined) this.#phrase = [`${this.#phrase.join("")}@${this.#host.join("")}`];
    this.#host = undefined;
    this.#local = [];
    this.#angle = true;
    this.#inAngle = true;
    return 1;
  }

  closeAngle(): number {
    this.#inAngle = false;
    return 0;
  }

  insideAngle(mark: string): void {
    if (mark === "@") {
      this.#host = [];
      return;
    }
    // `<@relay1,@relay2:user@host>` (obsolete route): what was read so far was the route.
    if (this.#host === undefined || this.#local.length > 0) return;
    const hop = `@${this.#host.join("")}`;
    this.#route = this.#route === undefined ? hop : `${this.#route},${hop}`;
    this.#host = undefined;
  }

  at(): void {
    this.#host ??= [];
  }

  openGroup(): void {
    if (this.#inGroup) return;
    this.entries.push([null, null, this.#phrase.join("") || null, null]);
    this.#inGroup = true;
    this.#reset();
  }

  closeGroup(): void {
    this.finish();
    if (this.#inGroup) this.entries.push([null, null, null, null]);
    this.#inGroup = false;
  }

  finish(): void {
    const local = this.#angle ? this.#local : this.#phrase;
    const name = this.#angle ? this.#phrase.join("") || this.#comment || null : (this.#comment ?? null);
    const host = this.#host?.join("") || null;
    const mailbox = local.join("");
    // A null host would read as a group, so an address without one gets the empty host.
    if (mailbox !== "" || host !== null) this.entries.push([name, this.#route ?? null, mailbox, host ?? ""]);
    this.#reset();
  }

  end(): void {
    if (this.#inGroup) this.closeGroup();
    else if (!this.full) this.finish();
  }

  #reset(): void {
    this.#phrase = [];
    this.#local = [];
    this.#host = undefined;
    this.#comment = undefined;
    this.#route = undefined;
    this.#angle = false;
    this.#inAngle = false;
  }
}

function* tokens(text: string): Generator<Token> {
  let spaced = false;
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    if (char === " " || char === "\t") {
      spaced = true;
      at += 1;
      continue;
    }
    const start = at;
    if (char === "(") {
      at = commentEnd(text, at);
      yield { type: "comment", text: text.slice(start + 1, at - 1), spaced };
    } else if (char === '"') {
      at = quotedEnd(text, at);
      yield { type: "quoted", text: unquote(text.slice(start + 1, at - 1)), spaced };
    } else if (marks.includes(char)) {
      at += 1;
      yield { type: "mark", text: char, spaced };
    } else {
      at = char === "[" ? literalEnd(text, at) : at;
      while (at < text.length && !` \t("[${marks}`.includes(text[at] as string)) at += 1;
      yield { type: "word", text: text.slice(start, at), spaced };
    }
    spaced = false;
  }
}

function quotedEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length + 1;
}

/** Offset behind a domain literal (RFC 5322 section 3.4.1), whose colons are no marks; behind the bracket when it is none. */
function literalEnd(text: string, start: number): number {
  const literal = /^\[[0-9A-Za-z.:-]{1,128}\]/.exec(text.slice(start, start + 130));
  return start + (literal?.[0].length ?? 1);
}

function unquote(text: string): string {
  return text.includes("\\") ? text.replace(/\\(.)/g, "$1") : text;
}
