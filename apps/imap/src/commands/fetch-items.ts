import type { Section } from "../mailbox/section.ts";
import { BadSyntax, type CommandParser } from "../wire/command-parser.ts";

/** What FETCH may ask of a message (RFC 3501 section 6.4.5). */
export type FetchItem =
  | { readonly type: "FLAGS" | "UID" | "INTERNALDATE" | "RFC822.SIZE" | "ENVELOPE" | "BODY" | "BODYSTRUCTURE" }
  | {
      readonly type: "section";
      /** Item name as the reply shows it, without the origin. */
      readonly label: string;
      readonly section: Section;
      /** False = reading sets \Seen. */
      readonly peek: boolean;
      readonly partial?: { readonly offset: number; readonly length: number };
    };

const simple = ["FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE"] as const;
const macros: Readonly<Record<string, readonly (typeof simple)[number][]>> = {
  FAST: ["FLAGS", "INTERNALDATE", "RFC822.SIZE"],
  ALL: ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"],
  FULL: ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"],
};
const legacy: Readonly<Record<string, { readonly kind: Section["kind"]; readonly peek: boolean }>> = {
  RFC822: { kind: "", peek: false },
  "RFC822.HEADER": { kind: "HEADER", peek: true },
  "RFC822.TEXT": { kind: "TEXT", peek: false },
};
const kinds = ["HEADER.FIELDS.NOT", "HEADER.FIELDS", "HEADER", "TEXT", "MIME"] as const;
const fieldNamesMax = 200;
const pathLengthMax = 100;

/** Reads a macro, one item, or a list of items. */
export function parseFetchItems(parser: CommandParser): FetchItem[] {
  if (parser.peek("(")) {
    const items = parser.list(() => parseItem(parser, parser.name()), 100);
    if (items.length === 0) throw new BadSyntax("Expected fetch items");
    return items;
  }
  const name = parser.name();
  const macro = macros[name];
  return macro === undefined ? [parseItem(parser, name)] : macro.map((type) => ({ type }));
}

function parseItem(parser: CommandParser, name: string): FetchItem {
  const old = legacy[name];
  if (old !== undefined) {
    return { type: "section", label: name, section: { path: [], kind: old.kind, fields: [] }, peek: old.peek };
  }
  if ((name === "BODY" || name === "BODY.PEEK") && parser.take("[")) return parseSection(parser, name === "BODY.PEEK");
  const type = simple.find((item) => item === name);
  if (type === undefined) throw new BadSyntax(`Unknown fetch item ${name}`);
  return { type };
}

function parseSection(parser: CommandParser, peek: boolean): FetchItem {
  const words = parser.peek("]") ? [] : parser.name().split(".");
  const path: number[] = [];
  while (words.length > 0 && /^\d/.test(words[0] as string)) path.push(partNumber(words.shift() as string));
  if (path.length > pathLengthMax) throw new BadSyntax("Section too deep");
  const kindText = words.join(".");
  const kind = kindText === "" ? "" : kinds.find((known) => known === kindText);
  if (kind === undefined || (kind === "MIME" && path.length === 0)) throw new BadSyntax("Unknown section");
  const fields: string[] = [];
  if (kind.startsWith("HEADER.FIELDS")) {
    parser.sp();
    fields.push(...parser.list(() => fieldName(parser.astring()), fieldNamesMax));
    if (fields.length === 0) throw new BadSyntax("Expected field names");
  }
  parser.expect("]");
  const spec = [...path, ...(kind === "" ? [] : [kind])].join(".");
  const shownFields = fields.length === 0 ? "" : ` (${fields.map(shownField).join(" ")})`;
  const item = {
    type: "section",
    label: `BODY[${spec}${shownFields}]`,
    section: { path, kind, fields },
    peek,
  } as const;
  if (!parser.take("<")) return item;
  const offset = parser.number();
  parser.expect(".");
  const length = parser.number();
  parser.expect(">");
  if (length === 0) throw new BadSyntax("A partial fetch needs a length");
  return { ...item, partial: { offset, length } };
}

function partNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new BadSyntax("Bad part number");
  return Number(text);
}

function fieldName(octets: Buffer): string {
  const name = octets.toString("latin1");
  if (!/^[\x21-\x39\x3b-\x7e]{1,128}$/.test(name)) throw new BadSyntax("Bad field name");
  return name;
}

function shownField(name: string): string {
  return /^[A-Za-z0-9-]+$/.test(name) ? name : `"${name.replace(/["\\]/g, "\\$&")}"`;
}
