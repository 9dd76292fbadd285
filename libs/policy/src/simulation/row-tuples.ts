import type { AuthenticationFact } from "../content-facts.ts";
import { type IpAddress, isPrivateAddress, parseIp } from "../ip-address.ts";
import { chainOf, type ScopeChain, settingValue } from "../policy-state.ts";
import type { Facts, RecipientFact } from "../types.ts";
import { factColumns } from "./fact-columns.ts";
import type { SegmentReader } from "./fact-segment.ts";
import { countBelow, countReached } from "./number-steps.ts";
import type { PolicyPair } from "./policy-pair.ts";
import { alwaysReduced } from "./reduced-facts.ts";
import { authorOf, canonicalHost, isNamedIn, namesIn, provenOf, type Shape } from "./row-names.ts";

/** Numbers in a tuple: the columns, phase, three numbers and the time. */
export const tupleWidth = factColumns.length + 5;

/** Columns that a plain row's verdict reads only by their reduced form, or as #plain tells. */
const plainForms = factColumns.filter((name) => {
  return !["ip", "host", "helo", "login", "sender", "senderOwner", "recipient", "origin"].includes(name);
});

const recipientAt = factColumns.indexOf("recipient");

type Recipient = { readonly address: string; readonly form: string; readonly found: RecipientFact };

/** By code of a column: a number for what the code stands for, and whether some list may name it. */
interface Classes {
  readonly codes: Uint16Array;
  readonly classes: Int32Array;
  readonly listed: Uint8Array;
}

/** An address that is looked up in lists, and one that says nothing. */
function ipForm(ip: IpAddress | undefined): string {
  return ip === undefined || isPrivateAddress(ip) ? "private" : "foreign";
}

/**
 * Tells rows of one segment apart by what the two policies can see of them. A row is *plain* when it is for a recipient of
 * ours, from a peer without login, and no list along the recipient's scopes names anything of it: then names and addresses do
 * not matter, and its tuple holds for all segments. Every other row's tuple holds its own values and for its segment only.
 */
export class RowTuples {
  readonly tuple = new Int32Array(tupleWidth);
  readonly #pair: PolicyPair;
  readonly #reader: SegmentReader;
  readonly #ip: Classes;
  readonly #host: Classes;
  readonly #helo: Classes;
  readonly #sender: Classes;
  readonly #origin: Classes;
  /** What the message says of its author, where that may be listed. */
  readonly #authors: readonly Classes[];
  /** 0 = never plain. */
  readonly #recipient: Classes;
  readonly #loops: Uint8Array;
  readonly #forms: readonly { readonly at: number; readonly codes: Uint16Array; readonly classes: Int32Array }[];
  readonly #own: readonly {
    readonly at: number;
    readonly codes: Uint16Array;
    readonly classes?: Uint16Array | Int32Array;
  }[];
  readonly #chains: (ScopeChain | undefined)[] = [];

  constructor(pair: PolicyPair, reader: SegmentReader) {
    this.#pair = pair;
    this.#reader = reader;
    const parsed = (text: string): IpAddress | undefined => parseIp(text);
    this.#ip = this.#classes("ip", (value) => {
      const ip = parsed(value as string);
      return [ipForm(ip), ip !== undefined && pair.listsIp(ip)];
    });
    this.#origin = this.#classes("origin", (value) => {
      if (value === null) return ["null", false];
      const ip = parsed((value as NonNullable<Facts["origin"]>).ip);
      return [ipForm(ip), ip !== undefined && pair.listsIp(ip)];
    });
    this.#host = this.#classes("host", (value) => {
      const host = value as NonNullable<Facts["host"]>;
      return [host.status, host.status === "confirmed" && pair.listsHost(canonicalHost(host.name))];
    });
    this.#helo = this.#classes("helo", (value) => ["given", pair.listsHost(canonicalHost(value as string))]);
    this.#sender = this.#classes("sender", (value) => {
      const { address, form } = value as NonNullable<Facts["sender"]>;
      return [address === "" ? `null ${form}` : form, address !== "" && pair.listsSender(address.toLowerCase())];
    });
    this.#authors = pair.listsAuthors
      ? [
          this.#classes("shape", (value) => ["", pair.listsSender(authorOf(value as Shape))]),
          this.#classes("authentication", (value) => ["", pair.listsSender(provenOf(value as AuthenticationFact))]),
        ]
      : [];
    this.#recipient = this.#classes("recipient", (value) => [this.#recipientForm(value as Recipient), false]);
    const { columns } = reader.segment;
    this.#loops = Uint8Array.from([
      0,
      ...columns.shape.texts.map((text) => (text.includes('"deliveredTo":[]') ? 0 : 1)),
    ]);
    this.#forms = plainForms.map((name) => {
      const { codes, reduced, reducedCodes, texts } = columns[name];
      const numbers = (reduced ?? texts).map((text) => pair.numbering.of(text));
      const classes = new Int32Array(texts.length + 1);
      for (let code = 1; code <= texts.length; code++)
        classes[code] = numbers[(reducedCodes?.[code] ?? code) - 1] as number;
      return { at: factColumns.indexOf(name), codes, classes };
    });
    const foreign = this.#foreignRecipients();
    this.#own = factColumns.map((name, at) => {
      const { codes, reducedCodes } = columns[name];
      if (name === "recipient") return { at, codes, classes: foreign };
      return alwaysReduced.has(name) && reducedCodes !== undefined
        ? { at, codes, classes: reducedCodes }
        : { at, codes };
    });
  }

  /** Writes a row's tuple; answers whether the row is plain. */
  fill(row: number, phase: number): boolean {
    const { numbers } = this.#reader.segment;
    const isPlain = this.#isPlain(row);
    const { tuple } = this;
    if (isPlain) this.#fillPlain(row);
    else this.#fillOwn(row);
    const { expiries, recipients, sizes } = this.#pair;
    let at = factColumns.length;
    tuple[at++] = phase;
    tuple[at++] = countBelow(sizes, numbers.sizeBytes[row] as number);
    tuple[at++] = countBelow(sizes, numbers.declaredSizeBytes[row] as number);
    tuple[at++] = countReached(recipients, numbers.acceptedBefore[row] as number);
    tuple[at] = isPlain ? -1 : countReached(expiries, numbers.at[row] as number);
    return isPlain;
  }

  #fillOwn(row: number): void {
    const { tuple } = this;
    for (const { at, classes, codes } of this.#own) {
      const code = codes[row] as number;
      tuple[at] = classes === undefined ? code : (classes[code] as number);
    }
    // A mail that was delivered before may have been so to this very address.
    const { recipient, shape } = this.#reader.segment.columns;
    if (this.#loops[shape.codes[row] as number] === 1) tuple[recipientAt] = recipient.codes[row] as number;
  }

  #fillPlain(row: number): void {
    const { tuple } = this;
    tuple.fill(0, 0, factColumns.length);
    for (const { at, classes, codes } of this.#forms) tuple[at] = classes[codes[row] as number] as number;
    const columns = {
      ip: this.#ip,
      host: this.#host,
      helo: this.#helo,
      sender: this.#sender,
      recipient: this.#recipient,
    };
    for (const [name, { classes, codes }] of Object.entries({ ...columns, origin: this.#origin })) {
      tuple[factColumns.indexOf(name as "ip")] = classes[codes[row] as number] as number;
    }
  }

  #isPlain(row: number): boolean {
    const { columns } = this.#reader.segment;
    if ((columns.login.codes[row] as number) !== 0) return false;
    const recipient = columns.recipient.codes[row] as number;
    if (this.#recipient.classes[recipient] === 0 || this.#loops[columns.shape.codes[row] as number] === 1) return false;
    const may = ({ codes, listed }: Classes): boolean => listed[codes[row] as number] === 1;
    const isNamed =
      may(this.#ip) ||
      may(this.#host) ||
      may(this.#helo) ||
      may(this.#sender) ||
      may(this.#origin) ||
      this.#authors.some(may);
    return !isNamed || !this.#isListed(row, recipient);
  }

  /** Whether a list along the recipient's scopes names anything of a row, in force or not. */
  #isListed(row: number, recipient: number): boolean {
    const named = namesIn(this.#reader, row);
    const chain = this.#chainOf(recipient);
    return this.#pair.states.some((state) => {
      const relays = settingValue(state, chain, "trustedRelays");
      if (Array.isArray(relays) && relays.length > 0) return true;
      return (
        isNamedIn(state.lists, chain, named) || isNamedIn(state.learned, chain, { ...named, senders: named.authors })
      );
    });
  }

  #chainOf(recipient: number): ScopeChain {
    let chain = this.#chains[recipient];
    if (chain === undefined) {
      const { found } = this.#reader.value("recipient", recipient) as Recipient;
      chain = found.kind === "foreign" ? ["platform"] : chainOf(pathOf(found));
      this.#chains[recipient] = chain;
    }
    return chain;
  }

  /** "" = the row is never plain. */
  #recipientForm({ form, found }: Recipient): string {
    if (found.kind === "foreign" || form !== "plain") return "";
    const { mailboxId, domainId, tenantId, resellerId } = pathOf(found);
    const scopes = [mailboxId, domainId, tenantId, resellerId].map((id) => {
      return id === undefined || this.#pair.isBare(id) ? "-" : id;
    });
    const targets =
      found.kind === "local"
        ? found.targets.map(({ overQuota, suspended }) => (suspended ? "s" : overQuota ? "q" : "o")).join("")
        : "";
    return `${found.kind} ${found.domain.tenantInboundOff} ${targets} ${scopes.join(" ")}`;
  }

  /** Codes of recipients elsewhere that differ only in their address share the first one's. */
  #foreignRecipients(): Int32Array {
    const { texts } = this.#reader.segment.columns.recipient;
    const first = new Map<string, number>();
    const classes = new Int32Array(texts.length + 1);
    for (let code = 1; code <= texts.length; code++) {
      classes[code] = code;
      const { found, form } = this.#reader.value("recipient", code) as Recipient;
      if (found.kind !== "foreign") continue;
      const key = `${form} ${JSON.stringify(found)}`;
      const known = first.get(key);
      if (known === undefined) first.set(key, code);
      else classes[code] = known;
    }
    return classes;
  }

  #classes(
    name: (typeof factColumns)[number],
    look: (value: unknown) => readonly [form: string, isListed: boolean],
  ): Classes {
    const { codes, texts } = this.#reader.segment.columns[name];
    const classes = new Int32Array(texts.length + 1);
    const listed = new Uint8Array(texts.length + 1);
    for (let code = 1; code <= texts.length; code++) {
      const [form, isListed] = look(this.#reader.value(name, code));
      classes[code] = form === "" ? 0 : this.#pair.numbering.of(form);
      if (isListed) listed[code] = 1;
    }
    return { codes, classes, listed };
  }
}

function pathOf(found: Exclude<RecipientFact, { kind: "foreign" }>) {
  const { domainId, resellerId, tenantId } = found.domain;
  const only = found.kind === "local" && found.targets.length === 1 ? found.targets[0]?.mailboxId : undefined;
  return { resellerId, tenantId, domainId, ...(only === undefined ? {} : { mailboxId: only }) };
}
