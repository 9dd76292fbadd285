import type { Segment } from "./command-reader.ts";
import { decodeMailboxName } from "./modified-utf7.ts";
import { type SequenceSet, sequenceSetOf } from "./sequence-set.ts";

/** The command does not follow the grammar: answered BAD with this text. */
export class BadSyntax extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BadSyntax";
  }
}

/** The command is well formed and refused before it does anything: answered NO. */
export class Refused extends Error {
  readonly code: string | undefined;
  constructor(message: string, code?: string) {
    super(message);
    this.name = "Refused";
    this.code = code;
  }
}

const atomChar = charTable((byte) => byte > 0x20 && byte < 0x7f && !'(){%*"\\]'.includes(String.fromCharCode(byte)));
const astringChar = charTable((byte) => atomChar[byte] === 1 || byte === 0x5d);
const listChar = charTable((byte) => astringChar[byte] === 1 || byte === 0x25 || byte === 0x2a);
const tagChar = charTable((byte) => astringChar[byte] === 1 && byte !== 0x2b);
const nameChar = charTable((byte) => /[A-Za-z0-9.-]/.test(String.fromCharCode(byte)));
const digit = charTable((byte) => byte >= 0x30 && byte <= 0x39);
const setChar = charTable((byte) => digit[byte] === 1 || byte === 0x2a || byte === 0x2c || byte === 0x3a);

/** Reads one command by RFC 3501 section 9, strictly: one space where one space stands. Each method throws BadSyntax. */
export class CommandParser {
  readonly #segments: readonly Segment[];
  #segment = 0;
  #at = 0;

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
  }

  /** A second cursor at this place, to look ahead with. */
  fork(): CommandParser {
    const fork = new CommandParser(this.#segments);
    fork.become(this);
    return fork;
  }

  /** Moves to where another cursor over the same command stands. */
  become(other: CommandParser): void {
    this.#segment = other.#segment;
    this.#at = other.#at;
  }

  tag(): string {
    return this.#run(tagChar, "a tag");
  }

  sp(): void {
    if (!this.take(" ")) throw new BadSyntax("Expected a space");
  }

  /** Whether the next octet is this one; reads it then. */
  take(char: string): boolean {
    if (!this.peek(char)) return false;
    this.#at += 1;
    return true;
  }

  peek(char: string): boolean {
    return this.#byte() === char.charCodeAt(0);
  }

  expect(char: string): void {
    if (!this.take(char)) throw new BadSyntax(`Expected ${char}`);
  }

  end(): void {
    if (!this.atEnd()) throw new BadSyntax("Too many arguments");
  }

  atEnd(): boolean {
    return this.#segment >= this.#segments.length - 1 && this.#byte() === undefined;
  }

  /** A word of letters, digits, dot and hyphen, upper case: verbs, item names. */
  name(): string {
    return this.#run(nameChar, "a word").toUpperCase();
  }

  atom(): string {
    return this.#run(atomChar, "an atom");
  }

  /** Octets of an astring. */
  astring(): Buffer {
    if (this.#isString()) return this.string();
    return Buffer.from(this.#run(astringChar, "a string"), "latin1");
  }

  /** list-mailbox: like astring, wildcards allowed. */
  listMailbox(): Buffer {
    if (this.#isString()) return this.string();
    return Buffer.from(this.#run(listChar, "a mailbox pattern"), "latin1");
  }

  /** A quoted string or a literal. */
  string(): Buffer {
    const next = this.#segments[this.#segment + 1];
    if (this.#byte() === undefined && next?.type === "literal") {
      this.#segment += 2;
      this.#at = 0;
      if (next.bytes.includes(0)) throw new BadSyntax("NUL in a literal");
      return next.bytes;
    }
    if (!this.take('"')) throw new BadSyntax("Expected a string");
    return this.#quoted();
  }

  /** A literal only: the message of APPEND. */
  literal(): Buffer {
    if (this.#byte() !== undefined) throw new BadSyntax("Expected a literal");
    return this.string();
  }

  number(): number {
    const text = this.#run(digit, "a number");
    const value = Number(text);
    if (text.length > 10 || value > 0xffff_ffff) throw new BadSyntax("Number too big");
    return value;
  }

  sequenceSet(): SequenceSet {
    const set = sequenceSetOf(this.#run(setChar, "a sequence set"));
    if (set === undefined) throw new BadSyntax("Bad sequence set");
    return set;
  }

  /** A mailbox name as Unicode text, from modified UTF-7 (section 5.1.3). */
  mailbox(): string {
    const name = decodeMailboxName(this.astring());
    if (name === undefined) throw new BadSyntax("Mailbox name is not valid modified UTF-7");
    return name;
  }

  flag(): string {
    return this.take("\\") ? `\\${this.atom()}` : this.atom();
  }

  /** Items between parentheses, separated by single spaces. */
  list<T>(item: () => T, itemsMax = 1_000): T[] {
    this.expect("(");
    const items: T[] = [];
    if (this.take(")")) return items;
    do {
      if (items.length >= itemsMax) throw new BadSyntax("List too long");
      items.push(item());
    } while (this.take(" "));
    this.expect(")");
    return items;
  }

  #isString(): boolean {
    const byte = this.#byte();
    return byte === 0x22 || (byte === undefined && this.#segments[this.#segment + 1]?.type === "literal");
  }

  #byte(): number | undefined {
    const segment = this.#segments[this.#segment];
    return segment?.type === "text" ? segment.bytes[this.#at] : undefined;
  }

  #run(table: Uint8Array, what: string): string {
    const bytes = this.#segments[this.#segment]?.bytes;
    const start = this.#at;
    if (bytes === undefined) throw new BadSyntax(`Expected ${what}`);
    while (this.#at < bytes.length && table[bytes[this.#at] as number] === 1) this.#at += 1;
    if (this.#at === start) throw new BadSyntax(`Expected ${what}`);
    return bytes.toString("latin1", start, this.#at);
  }

  /** Octets above 127 are let through: clients send UTF-8 here, and what reads the string judges them. */
  #quoted(): Buffer {
    const pieces: number[] = [];
    for (;;) {
      let byte = this.#byte();
      this.#at += 1;
      if (byte === 0x22) return Buffer.from(pieces);
      if (byte === 0x5c) {
        byte = this.#byte();
        this.#at += 1;
        if (byte !== 0x22 && byte !== 0x5c) throw new BadSyntax("Bad escape in a quoted string");
      }
      if (byte === undefined || byte === 0 || byte === 0x0d) throw new BadSyntax("Unterminated quoted string");
      pieces.push(byte);
    }
  }
}

function charTable(test: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0));
}
