import { mimeLimits } from "./limits.ts";
import type { MimeParameter } from "./mime-index.ts";

/** A field such as Content-Type: its first word, lower case, and its parameters. */
export interface ParameterField {
  readonly value: string;
  readonly parameters: readonly MimeParameter[];
}

/** Splits `value; name=text; name="text"` (RFC 2045 section 5.1), comments left out, RFC 2231 continuations joined. */
export function parseParameterField(text: string): ParameterField {
  const reader = new FieldReader(text);
  const value = reader.token(";").toLowerCase();
  const raw: [string, string][] = [];
  while (reader.skipTo(";") && raw.length < mimeLimits.parametersMax) {
    const name = reader.token("=;").toLowerCase();
    if (!reader.take("=")) continue;
    const parameter = reader.peek() === '"' ? reader.quoted() : reader.token(";");
    if (name !== "") raw.push([name, parameter]);
  }
  return { value, parameters: joinContinuations(raw) };
}

/** RFC 2231 section 3: `name*0`, `name*1*`... become one. Linear: pieces are gathered by name, then sorted once each. */
function joinContinuations(raw: readonly (readonly [string, string])[]): MimeParameter[] {
  const joined: [string, string][] = [];
  const groups = new Map<string, { pieces: [number, string][]; extended: boolean; at: number }>();
  const seen = new Set<string>();
  for (const [name, value] of raw) {
    const piece = /^([^*]+)\*(\d{1,4})(\*?)$/.exec(name);
    if (piece === null) {
      if (!seen.has(name)) joined.push([name, value]);
      seen.add(name);
      continue;
    }
    const [, base = "", index, star] = piece;
    const group = groups.get(base) ?? { pieces: [], extended: false, at: joined.push([base, ""]) - 1 };
    group.pieces.push([Number(index), value]);
    if (star === "*") group.extended = true;
    groups.set(base, group);
  }
  for (const [base, { pieces, extended, at }] of groups) {
    pieces.sort((a, b) => a[0] - b[0]);
    joined[at] = [extended ? `${base}*` : base, pieces.map((piece) => piece[1]).join("")];
  }
  return joined;
}

/** A cursor over one unfolded field value. Each method moves forward only, so reading a field is linear. */
class FieldReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  peek(): string | undefined {
    this.#skipBlank();
    return this.#text[this.#at];
  }

  take(char: string): boolean {
    if (this.peek() !== char) return false;
    this.#at += 1;
    return true;
  }

  /** Moves behind the next `char`, over whatever else is there; false at the end. */
  skipTo(char: string): boolean {
    while (this.#at < this.#text.length) {
      const next = this.peek();
      if (next === undefined) return false;
      if (next === '"') this.quoted();
      else {
        this.#at += 1;
        if (next === char) return true;
      }
    }
    return false;
  }

  /** Text up to one of `ends` or a comment, blanks trimmed. Spaces inside are kept: `name=My File.txt` is seen in the wild. */
  token(ends: string): string {
    this.#skipBlank();
    const start = this.#at;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string;
      if (ends.includes(char) || char === "(" || char === '"') break;
      this.#at += 1;
    }
    return this.#text.slice(start, this.#at).trim();
  }

  quoted(): string {
    this.#at += 1;
    const pieces: string[] = [];
    let start = this.#at;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at];
      if (char === '"') break;
      if (char === "\\" && this.#at + 1 < this.#text.length) {
        pieces.push(this.#text.slice(start, this.#at));
        this.#at += 1;
        start = this.#at;
      }
      this.#at += 1;
    }
    pieces.push(this.#text.slice(start, this.#at));
    this.#at += 1;
    return pieces.join("");
  }

  #skipBlank(): void {
    for (;;) {
      const char = this.#text[this.#at];
      if (char === " " || char === "\t") this.#at += 1;
      else if (char === "(") this.#at = commentEnd(this.#text, this.#at);
      else return;
    }
  }
}

/** Offset behind the comment that starts here (RFC 5322 section 3.2.2, nested); the end of text when it never closes. */
export function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === "\\") at += 1;
    else if (char === "(") depth += 1;
    else if (char === ")" && --depth === 0) return at + 1;
  }
  return text.length;
}
