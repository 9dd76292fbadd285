import { composed, foldCase } from "./fold-case.ts";
import type { ContentAnswers } from "./match-content.ts";
import type { TextField } from "./rule.ts";

/** What rules may look at, for one recipient of one message. Plain JSON but for the answers. */
export interface RuleInput {
  readonly direction: "inbound" | "outbound";
  /** MAIL FROM, "" for `<>`. */
  readonly sender: string;
  readonly recipient: string;
  /** In order, values unfolded and decoded. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly sizeBytes: number;
  /** Results by method, e.g. `pass`; absent = not evaluated. */
  readonly authentication?: {
    readonly spf?: string;
    readonly dkim?: string;
    readonly dmarc?: string;
    readonly arc?: string;
  };
  readonly score?: number;
  /** Policy has decided to hold or refuse this copy already: nothing of it may be sent on. */
  readonly held?: boolean;
  /** Answers about body and attachments; absent in the first pass. */
  readonly content?: ContentAnswers;
}

/** Characters of one value, and of all values of a field, that tests look at. */
const valueCharactersMax = 4_096;
const fieldCharactersMax = 65_536;

/** One value of a field: as written (composed form), without case, and the line to show for it. */
export interface FieldValue {
  readonly text: string;
  readonly folded: string;
  readonly line: string;
}

/** The values of an input's fields, made once and when asked for. */
export class InputView {
  readonly input: RuleInput;
  readonly #values = new Map<string, readonly FieldValue[]>();
  #room = 0;

  constructor(input: RuleInput) {
    this.input = input;
  }

  /** Values of a field other than body and attachmentName; empty when it is not there. */
  values(field: TextField, header?: string): readonly FieldValue[] {
    const key = field === "header" ? `header ${header}` : field;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    this.#room = fieldCharactersMax;
    const values = this.#read(field, header).filter((value) => value.text !== "" || field === "sender");
    this.#values.set(key, values);
    return values;
  }

  #read(field: TextField, header: string | undefined): readonly FieldValue[] {
    const { input } = this;
    switch (field) {
      case "sender":
        return [this.#value(input.sender, `MAIL FROM:<${input.sender}>`)];
      case "recipient":
        return [this.#value(input.recipient, `RCPT TO:<${input.recipient}>`)];
      case "from":
      case "to":
        return this.#headers(field).flatMap((value) => [value, ...this.#addresses(value)]);
      case "subject":
        return this.#headers("subject");
      case "header":
        return this.#headers(header ?? "");
      case "anyHeader":
        return input.headers.map(({ name, value }) => this.#value(`${name}: ${value}`, `${name}: ${value}`));
      case "spf":
      case "dkim":
      case "dmarc":
      case "arc": {
        const result = input.authentication?.[field] ?? "";
        return [this.#value(result, `${field}=${result}`)];
      }
      default:
        return [];
    }
  }

  #headers(wanted: string): readonly FieldValue[] {
    return this.input.headers
      .filter(({ name }) => name.length === wanted.length && name.toLowerCase() === wanted)
      .map(({ name, value }) => this.#value(value.trim(), `${name}: ${value}`));
  }

  /** Bare addresses, so that `equals` and `endsWith` need not know how a name was written around them. */
  #addresses(value: FieldValue): readonly FieldValue[] {
    const found = value.text.match(/[^\s<>"(),;:]{1,64}@[^\s<>"(),;:]{1,253}/g) ?? [];
    return found.filter((address) => address !== value.text).map((address) => this.#value(address, value.line));
  }

  #value(raw: string, line: string): FieldValue {
    const text = composed(raw.slice(0, Math.min(valueCharactersMax, this.#room)));
    this.#room -= text.length;
    return { text, folded: foldCase(text), line: line.slice(0, 200) };
  }
}
