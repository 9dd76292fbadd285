import type { AuthenticationFact, ScanFact } from "../content-facts.ts";
import { isPrivateAddress, parseIp } from "../ip-address.ts";
import { type PolicyState, type ScopeChain, settingValue } from "../policy-state.ts";
import type { Facts, RecipientFact } from "../types.ts";
import { columnAt, type FactColumn, factColumns, joinFacts } from "./fact-columns.ts";
import type { CodedColumn, SegmentReader } from "./fact-segment.ts";
import { originIn, placeOfSpace, scopesIn, stringOf } from "./form-texts.ts";
import { countBelow, countReached } from "./number-steps.ts";
import type { PolicyPair } from "./policy-pair.ts";
import { alwaysReduced } from "./reduced-facts.ts";
import { authorOf, canonicalHost, isNamedIn, namesIn, provenOf, type Shape } from "./row-names.ts";

/** Numbers in a tuple: the columns, phase, three numbers and the time. */
export const tupleWidth = factColumns.length + 5;

/** Columns of which a plain row's tuple holds more, or less, than the reduced form. */
const special: readonly FactColumn[] = ["ip", "host", "helo", "login", "sender", "senderOwner", "recipient", "origin"];
const plainForms = factColumns.filter((name) => !special.includes(name));

/** By code of a column, a number for what the code stands for, and whether some list may name it. */
interface Classes {
  readonly at: number;
  readonly codes: Uint16Array;
  readonly classes: Int32Array | Uint16Array | undefined;
  readonly listed?: Uint8Array;
}

interface NamedClasses extends Classes {
  readonly name: FactColumn;
}

/** A recipient's scopes, and whether mail to it may come through trusted relays. */
interface ChainLook {
  readonly chain: ScopeChain;
  readonly hasRelays: boolean;
}

/** What a text comes to: its class ("" = none), and whether some list may name it. */
type Look = (text: string) => readonly [form: string, isListed: boolean];

/** By code: whether there is any value at all. */
const isGiven = new Int32Array(65_536).fill(1).fill(0, 0, 1);

/**
 * Tells rows of one segment apart by what the two policies can see of them. A row is *plain* when it is for a recipient of
 * ours, from a peer without login, and no list along the recipient's scopes names anything of it: then names and addresses do
 * not matter, and its tuple holds for all segments. Every other row's tuple holds its own values and for its segment only.
 */
export class RowTuples {
  readonly tuple = new Int32Array(tupleWidth);
  readonly #pair: PolicyPair;
  readonly #reader: SegmentReader;
  /** What a list may name of a row. */
  readonly #named: readonly Classes[];
  /** Class 0 = never plain. */
  readonly #recipient: Classes;
  readonly #plain: readonly Classes[];
  /** Of these, the columns of which one value stands for all of its class. */
  readonly #shared: readonly NamedClasses[];
  readonly #loops: Uint8Array;
  #own: readonly Classes[] | undefined;
  readonly #chains = new Map<string, ChainLook>();

  constructor(pair: PolicyPair, reader: SegmentReader) {
    this.#pair = pair;
    this.#reader = reader;
    const lookIp: Look = (text) => {
      const ip = parseIp(text);
      return [ip === undefined || isPrivateAddress(ip) ? "private" : "foreign", ip !== undefined && pair.listsIp(ip)];
    };
    const named = [
      this.#classes("ip", (text) => lookIp(stringOf(text))),
      this.#classes("origin", (text) => (text === "null" ? ["null", false] : lookIp(originIn(text)))),
      this.#classes("host", (text) => {
        const end = text.indexOf(" ");
        if (end < 0) return [text, false];
        return [text.slice(0, end), pair.listsHosts && pair.listsHost(canonicalHost(text.slice(end + 1)))];
      }),
      pair.listsHosts
        ? this.#classes("helo", (text) => ["given", pair.listsHost(canonicalHost(stringOf(text)))])
        : { at: columnAt.helo, codes: reader.segment.columns.helo.codes, classes: isGiven },
      this.#classes("sender", (text) => {
        const end = text.indexOf(" ");
        const address = text.slice(end + 1);
        const form = text.slice(0, end);
        return address === "" ? [`null ${form}`, false] : [form, pair.listsSender(address)];
      }),
    ];
    this.#named = pair.listsAuthors ? [...named, ...this.#authors()] : named;
    this.#recipient = this.#classes("recipient", (text) => [this.#recipientForm(text), false]);
    this.#loops = this.#loopFlags();
    this.#shared = plainForms.map((name) => ({ name, ...this.#classes(name) }));
    // A column that nothing is in says nothing.
    const used = [...named, ...this.#shared].filter(({ classes }) => (classes?.length ?? 0) > 1);
    this.#plain = [...used, this.#recipient];
  }

  /** Writes a row's tuple; answers whether the row is plain. */
  fill(row: number, phase: number): boolean {
    const { numbers } = this.#reader.segment;
    const isPlain = this.#isPlain(row);
    const { tuple } = this;
    if (isPlain) {
      tuple.fill(0, 0, factColumns.length);
      write(tuple, this.#plain, row);
    } else this.#fillOwn(row);
    const { expiries, recipients, sizes } = this.#pair;
    let at = factColumns.length;
    tuple[at++] = phase;
    tuple[at++] = countBelow(sizes, numbers.sizeBytes[row] as number);
    tuple[at++] = countBelow(sizes, numbers.declaredSizeBytes[row] as number);
    tuple[at++] = countReached(recipients, numbers.acceptedBefore[row] as number);
    tuple[at] = isPlain ? -1 : countReached(expiries, numbers.at[row] as number);
    return isPlain;
  }

  /**
   * Facts that are judged like a plain row's with so many points of a scanner (NaN = none): its own names, addresses and numbers,
   * and else what stands for its class, which is read once for all segments.
   */
  plainFacts(row: number, points: number): Facts {
    const parts: Record<string, unknown> = {};
    for (const name of special) parts[name] = this.#reader.part(name, row);
    for (const column of this.#shared) parts[column.name] = this.#representative(column, row);
    if (!Number.isNaN(points)) {
      const scan = parts.scan as ScanFact;
      parts.scan = { ...scan, rspamd: { ...scan.rspamd, score: points } };
    }
    return joinFacts({ parts, numbers: this.#reader.numbers(row) } as Parameters<typeof joinFacts>[0]);
  }

  #representative(column: NamedClasses, row: number): unknown {
    const { name } = column;
    // Who wrote it is read where some list names authors.
    if (this.#pair.listsAuthors && (name === "shape" || name === "authentication")) return this.#reader.part(name, row);
    const number = classAt(column, row);
    if (number === 0) return undefined;
    const known = this.#pair.representatives[column.at] as Map<number, unknown>;
    if (!known.has(number)) known.set(number, this.#reader.part(name, row));
    return known.get(number);
  }

  #fillOwn(row: number): void {
    this.#own ??= this.#ownColumns();
    write(this.tuple, this.#own, row);
    // A mail that was delivered before may have been so to this very address.
    const { recipient, shape } = this.#reader.segment.columns;
    if (this.#loops[shape.codes[row] as number] === 1) {
      this.tuple[columnAt.recipient] = recipient.codes[row] as number;
    }
  }

  #isPlain(row: number): boolean {
    const { columns } = this.#reader.segment;
    if ((columns.login.codes[row] as number) !== 0) return false;
    if (classAt(this.#recipient, row) === 0 || this.#loops[columns.shape.codes[row] as number] === 1) return false;
    for (const { codes, listed } of this.#named) {
      if (listed?.[codes[row] as number] === 1) return !this.#isListed(row);
    }
    return true;
  }

  /** Whether a list along the recipient's scopes names anything of a row, in force or not. */
  #isListed(row: number): boolean {
    const { chain, hasRelays } = this.#chainOf(row);
    if (hasRelays) return true;
    const named = namesIn(this.#reader, row, this.#pair);
    const authors = { ...named, senders: named.authors };
    return this.#pair.states.some(
      (state) => isNamedIn(state.lists, chain, named) || isNamedIn(state.learned, chain, authors),
    );
  }

  #chainOf(row: number): ChainLook {
    const { codes, reduced = [], reducedCodes } = this.#reader.segment.columns.recipient;
    const form = reduced[(reducedCodes?.[codes[row] as number] ?? 0) - 1] ?? "";
    let look = this.#chains.get(form);
    if (look === undefined) {
      const chain = [...scopesIn(form).filter((id) => id !== "-"), "platform"];
      look = { chain, hasRelays: this.#pair.states.some((state) => hasTrustedRelays(state, chain)) };
      this.#chains.set(form, look);
    }
    return look;
  }

  /** "" = the row is never plain. */
  #recipientForm(text: string): string {
    if (text === "foreign") return "";
    // The mailbox is what most forms differ in: all before and after it is looked at once.
    const start = placeOfSpace(text, 3) + 1;
    const end = text.indexOf(" ", start);
    const rest = text.slice(end + 1);
    let above = this.#pair.above.get(rest);
    if (above === undefined) {
      above = rest
        .split(" ")
        .map((id) => this.#pair.formOf(id))
        .join(" ");
      this.#pair.above.set(rest, above);
    }
    return `${text.slice(0, start)}${this.#pair.formOf(text.slice(start, end))} ${above}`;
  }

  #authors(): readonly Classes[] {
    const ofValues = (name: "shape" | "authentication", look: (value: unknown) => string): Classes => {
      const { codes, texts } = this.#reader.segment.columns[name];
      const listed = new Uint8Array(texts.length + 1);
      for (let code = 1; code <= texts.length; code++) {
        if (this.#pair.listsSender(look(this.#reader.value(name, code)))) listed[code] = 1;
      }
      return { at: columnAt[name], codes, classes: undefined, listed };
    };
    return [
      ofValues("shape", (value) => authorOf(value as Shape)),
      ofValues("authentication", (value) => provenOf(value as AuthenticationFact)),
    ];
  }

  #loopFlags(): Uint8Array {
    const { reduced = [], reducedCodes } = this.#reader.segment.columns.shape;
    const loops = reduced.map((form) => form.endsWith("]"));
    return Uint8Array.from(reducedCodes ?? [0], (code) => (loops[code - 1] === true ? 1 : 0));
  }

  #ownColumns(): readonly Classes[] {
    const { columns } = this.#reader.segment;
    return factColumns.map((name, at): Classes => {
      const { codes, reducedCodes } = columns[name];
      if (name === "recipient") return { at, codes, classes: this.#foreignRecipients() };
      return { at, codes, classes: alwaysReduced.has(name) ? reducedCodes : undefined };
    });
  }

  /** Codes of recipients elsewhere that differ only in their address share the first one's. */
  #foreignRecipients(): Int32Array {
    const { reduced = [], reducedCodes = new Uint16Array(1) } = this.#reader.segment.columns.recipient;
    const first = new Map<string, number>();
    const classes = Int32Array.from(reducedCodes, (_form, code) => code);
    for (const [code, form] of reducedCodes.entries()) {
      if (reduced[form - 1] !== "foreign") continue;
      const recipient = this.#reader.value("recipient", code) as {
        readonly form: string;
        readonly found: RecipientFact;
      };
      if (recipient.found.kind !== "foreign") continue;
      const key = `${recipient.form} ${JSON.stringify(recipient.found)}`;
      const known = first.get(key);
      if (known === undefined) first.set(key, code);
      else classes[code] = known;
    }
    return classes;
  }

  /** Looks at each text of a column, or at its reduced form where it has one. Without `look` each form is a class. */
  #classes(name: FactColumn, look?: Look): Classes {
    const column: CodedColumn = this.#reader.segment.columns[name];
    const { codes, reducedCodes } = column;
    const texts = (reducedCodes === undefined ? column.texts : column.reduced) ?? [];
    const numbers = new Int32Array(texts.length + 1);
    const flags = new Uint8Array(texts.length + 1);
    for (let code = 1; code <= texts.length; code++) {
      const text = texts[code - 1] as string;
      const [form, isListed] = look === undefined ? [text, false] : look(text);
      numbers[code] = form === "" ? 0 : this.#pair.numbering.of(form);
      if (isListed) flags[code] = 1;
    }
    const at = columnAt[name];
    if (reducedCodes === undefined) return { at, codes, classes: numbers, listed: flags };
    const classes = new Int32Array(reducedCodes.length);
    for (let code = 1; code < classes.length; code++) classes[code] = numbers[reducedCodes[code] as number] as number;
    if (look === undefined) return { at, codes, classes };
    const listed = new Uint8Array(reducedCodes.length);
    for (let code = 1; code < listed.length; code++) listed[code] = flags[reducedCodes[code] as number] as number;
    return { at, codes, classes, listed };
  }
}

function hasTrustedRelays(state: PolicyState, chain: ScopeChain): boolean {
  const relays = settingValue(state, chain, "trustedRelays");
  return Array.isArray(relays) && relays.length > 0;
}

function write(tuple: Int32Array, columns: readonly Classes[], row: number): void {
  for (const { at, classes, codes } of columns) {
    const code = codes[row] as number;
    tuple[at] = classes === undefined ? code : (classes[code] as number);
  }
}

function classAt({ classes, codes }: Classes, row: number): number {
  return classes?.[codes[row] as number] ?? 0;
}
