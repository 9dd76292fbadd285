import type { Facts } from "../types.ts";

/** The value of a JSON string, which mostly has nothing to unescape. */
export function stringOf(text: string): string {
  return text.includes("\\") ? (JSON.parse(text) as string) : text.slice(1, -1);
}

/** Where the nth space of a text is. */
export function placeOfSpace(text: string, number: number): number {
  let at = -1;
  for (let n = 0; n < number; n++) at = text.indexOf(" ", at + 1);
  return at;
}

/** Scope ids at the end of a recipient's form, the narrowest first. */
export function scopesIn(form: string): readonly string[] {
  return form.split(" ").slice(3);
}

/** The address in the text of a fact about the origin. */
export function originIn(text: string): string {
  return (JSON.parse(text) as NonNullable<Facts["origin"]>).ip;
}
