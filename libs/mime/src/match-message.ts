import { decodeHeaderText, decodeTextPart } from "./decode.ts";
import { fieldValue, headerFields } from "./header-fields.ts";
import { indexMessage } from "./index-message.ts";
import type { MimePart } from "./mime-index.ts";

/** A question about a message's content; texts are compared without case (RFC 3501 section 6.4.4). */
export type ContentTerm =
  /** Some field of this name (lower case) contains the text; "" = such a field exists. */
  | { readonly type: "header"; readonly name: string; readonly text: string }
  /** Day of the Date field, as written there: days since 1970-01-01, compared. */
  | { readonly type: "sent"; readonly comparison: "before" | "on" | "since"; readonly day: number }
  /** Some text part contains it; `text` also looks at headers. */
  | { readonly type: "body" | "text"; readonly text: string };

/** Whether a term needs only the header block. */
export function isHeaderTerm(term: ContentTerm): boolean {
  return term.type === "header" || term.type === "sent";
}

/** Answers each term for one message. `bytes` may be the header block alone when all terms are header terms. */
export function matchMessage(bytes: Uint8Array, terms: readonly ContentTerm[]): boolean[] {
  const headers = new Map<string, string[]>();
  for (const field of headerFields(bytes)) {
    const values = headers.get(field.name) ?? [];
    values.push(foldCase(decodeHeaderText(fieldValue(bytes, field))));
    headers.set(field.name, values);
  }
  let texts: { readonly headers: readonly string[]; readonly bodies: readonly string[] } | undefined;
  return terms.map((term) => {
    switch (term.type) {
      case "header": {
        const needle = foldCase(term.text);
        return (headers.get(term.name) ?? []).some((value) => value.includes(needle));
      }
      case "sent": {
        const day = sentDay(headers.get("date")?.[0] ?? "");
        if (day === undefined) return false;
        return term.comparison === "before"
          ? day < term.day
          : term.comparison === "on"
            ? day === term.day
            : day >= term.day;
      }
      default: {
        texts ??= textsOf(bytes);
        const needle = foldCase(term.text);
        const inBody = texts.bodies.some((text) => text.includes(needle));
        return inBody || (term.type === "text" && texts.headers.some((text) => text.includes(needle)));
      }
    }
  });
}

/** Case is folded after composition, so that a letter typed as two code points is found too. */
function foldCase(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

function textsOf(bytes: Uint8Array): { headers: string[]; bodies: string[] } {
  const headers: string[] = [];
  const bodies: string[] = [];
  const visit = (part: MimePart): void => {
    for (const field of headerFields(bytes, part.headerStart, part.bodyStart)) {
      headers.push(foldCase(`${field.name}: ${decodeHeaderText(fieldValue(bytes, field))}`));
    }
    if (part.type === "text") bodies.push(foldCase(decodeTextPart(bytes, part)));
    for (const child of part.parts ?? []) visit(child);
    if (part.message !== undefined) visit(part.message);
  };
  visit(indexMessage(bytes).root);
  return { headers, bodies };
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** Day of an RFC 5322 date, its time and zone left out as RFC 3501 wants it. */
function sentDay(value: string): number | undefined {
  const match = /(\d{1,2})[ -]([a-z]{3})[a-z]*[ -](\d{2,4})/.exec(value.slice(0, 100));
  const month = months.indexOf(match?.[2] ?? "");
  if (match === null || month < 0) return undefined;
  const written = Number(match[3]);
  // RFC 5322 section 4.3: two-digit years.
  const year = (match[3]?.length ?? 0) >= 4 ? written : written < 50 ? 2000 + written : 1900 + written;
  return Math.floor(Date.UTC(year, month, Number(match[1])) / 86_400_000);
}
