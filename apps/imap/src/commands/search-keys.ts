import type { ContentTerm } from "@mailfold/mime";
import { BadSyntax, type CommandParser } from "../wire/command-parser.ts";
import { parseImapDate } from "../wire/format.ts";
import type { SequenceSet } from "../wire/sequence-set.ts";

/** A search program (RFC 3501 section 6.4.4) as a tree. */
export type SearchKey =
  | { readonly type: "and" | "or"; readonly keys: readonly SearchKey[] }
  | { readonly type: "not"; readonly key: SearchKey }
  | { readonly type: "all" | "recent" }
  | { readonly type: "flag"; readonly flag: string }
  | { readonly type: "sequence" | "uid"; readonly set: SequenceSet }
  /** Day of the internal date: days since 1970-01-01. */
  | { readonly type: "date"; readonly comparison: "before" | "on" | "since"; readonly day: number }
  | { readonly type: "size"; readonly comparison: "larger" | "smaller"; readonly bytes: number }
  | { readonly type: "content"; readonly term: ContentTerm };

const searchLimits = { keysMax: 500, depthMax: 50, contentTermsMax: 50 } as const;

const not = (key: SearchKey): SearchKey => ({ type: "not", key });
const flagKey = (flag: string): SearchKey => ({ type: "flag", flag });
const fixed: Readonly<Record<string, SearchKey>> = {
  ALL: { type: "all" },
  ANSWERED: flagKey("\\Answered"),
  DELETED: flagKey("\\Deleted"),
  DRAFT: flagKey("\\Draft"),
  FLAGGED: flagKey("\\Flagged"),
  SEEN: flagKey("\\Seen"),
  UNANSWERED: not(flagKey("\\Answered")),
  UNDELETED: not(flagKey("\\Deleted")),
  UNDRAFT: not(flagKey("\\Draft")),
  UNFLAGGED: not(flagKey("\\Flagged")),
  UNSEEN: not(flagKey("\\Seen")),
  RECENT: { type: "recent" },
  OLD: not({ type: "recent" }),
  NEW: { type: "and", keys: [{ type: "recent" }, not(flagKey("\\Seen"))] },
};
const dates: Readonly<Record<string, "before" | "on" | "since">> = { BEFORE: "before", ON: "on", SINCE: "since" };
const headers: readonly string[] = ["BCC", "CC", "FROM", "SUBJECT", "TO"];

/** Reads search keys up to the end of the command. Their number and depth are bounded: each costs work per message. */
export class SearchParser {
  readonly #parser: CommandParser;
  /** Texts of the command in UTF-8. */
  readonly terms: ContentTerm[] = [];
  #keys = 0;

  constructor(parser: CommandParser) {
    this.#parser = parser;
  }

  program(): SearchKey {
    const keys = [this.#key(0)];
    while (this.#parser.take(" ")) keys.push(this.#key(0));
    this.#parser.end();
    return { type: "and", keys };
  }

  #key(depth: number): SearchKey {
    this.#keys += 1;
    if (this.#keys > searchLimits.keysMax || depth > searchLimits.depthMax) throw new BadSyntax("Search too complex");
    const parser = this.#parser;
    if (parser.peek("(")) return { type: "and", keys: parser.list(() => this.#key(depth + 1), searchLimits.keysMax) };
    if (["*", ..."123456789"].some((char) => parser.peek(char))) return { type: "sequence", set: parser.sequenceSet() };
    const name = parser.name();
    const known = fixed[name];
    if (known !== undefined) return known;
    parser.sp();
    switch (name) {
      case "NOT":
        return not(this.#key(depth + 1));
      case "OR": {
        const first = this.#key(depth + 1);
        parser.sp();
        return { type: "or", keys: [first, this.#key(depth + 1)] };
      }
      case "UID":
        return { type: "uid", set: parser.sequenceSet() };
      case "KEYWORD":
        return flagKey(parser.atom());
      case "UNKEYWORD":
        return not(flagKey(parser.atom()));
      case "LARGER":
      case "SMALLER":
        return { type: "size", comparison: name === "LARGER" ? "larger" : "smaller", bytes: parser.number() };
      default:
        return this.#dateOrContent(name);
    }
  }

  #dateOrContent(name: string): SearchKey {
    const comparison = dates[name];
    if (comparison !== undefined) return { type: "date", comparison, day: this.#date() };
    const sent = name.startsWith("SENT") ? dates[name.slice(4)] : undefined;
    if (sent !== undefined) return this.#content({ type: "sent", comparison: sent, day: this.#date() });
    if (name === "BODY") return this.#content({ type: "body", text: this.#text() });
    if (name === "TEXT") return this.#content({ type: "text", text: this.#text() });
    if (headers.includes(name)) {
      return this.#content({ type: "header", name: name.toLowerCase(), text: this.#text() });
    }
    if (name !== "HEADER") throw new BadSyntax(`Unknown search key ${name}`);
    const field = this.#text().toLowerCase();
    this.#parser.sp();
    return this.#content({ type: "header", name: field, text: this.#text() });
  }

  #content(term: ContentTerm): SearchKey {
    if (this.terms.length >= searchLimits.contentTermsMax) throw new BadSyntax("Search too complex");
    this.terms.push(term);
    return { type: "content", term };
  }

  #text(): string {
    return this.#parser.astring().toString("utf8");
  }

  #date(): number {
    const text = this.#parser.peek('"') ? this.#parser.string().toString("latin1") : this.#parser.atom();
    const day = parseImapDate(text);
    if (day === undefined) throw new BadSyntax("Bad date");
    return day;
  }
}
