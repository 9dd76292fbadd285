import type { MailboxId, ResellerId, TenantId, VerdictId } from "@mailfold/kernel";
import type { ScanFact } from "../content-facts.ts";
import type { Action, Facts, Phase } from "../types.ts";
import {
  type FactColumn,
  factColumns,
  joinFacts,
  type NumberColumn,
  numberColumns,
  reducedText,
  splitFacts,
} from "./fact-columns.ts";
import { reducedForms, scoreOf } from "./reduced-facts.ts";

/** A verdict as the log has it. */
export interface RecordedVerdict {
  readonly verdictId: VerdictId;
  readonly tenantId?: TenantId;
  readonly resellerId?: ResellerId;
  readonly mailboxId?: MailboxId;
  readonly action: Action;
  readonly reason: string;
  readonly phase: Phase;
  readonly facts: Facts;
}

/** What was recorded of a row beside its facts. */
export type RecordedOutcome = Pick<RecordedVerdict, "action" | "reason" | "phase">;
/** On whose account it was. */
export type RowOwner = Pick<RecordedVerdict, "tenantId" | "resellerId">;

/** What users said later of mail in the table. */
export type FactMark =
  | { readonly kind: "spam"; readonly verdictId: VerdictId }
  | { readonly kind: "notSpam"; readonly verdictId: VerdictId }
  | { readonly kind: "held"; readonly holdId: string; readonly verdictId: VerdictId }
  | { readonly kind: "released"; readonly holdId: string };

/** One dictionary-coded column: code 0 = absent, else the text at code - 1. */
export interface CodedColumn {
  readonly codes: Uint16Array;
  readonly texts: readonly string[];
  /** By code, a code into `reduced`: what of the text can matter; absent where all of it does. */
  readonly reducedCodes?: Uint16Array | undefined;
  readonly reduced?: readonly string[] | undefined;
}

/** Columns about the verdict itself. */
export const verdictColumns = ["outcome", "owner", "mailbox"] as const;
export type AnyColumn = FactColumn | (typeof verdictColumns)[number];

/** A sealed part of the table: plain typed arrays and texts. */
export interface FactSegment {
  readonly rows: number;
  readonly columns: Readonly<Record<AnyColumn, CodedColumn>>;
  readonly numbers: Readonly<Record<NumberColumn, Float64Array>>;
  /** Points that a scanner gave, by code of the column scan. */
  readonly scores: Float64Array;
  readonly verdictIds: readonly string[];
  readonly marks: readonly FactMark[];
}

/** Rows in a sealed segment; codes fit into 16 bits. */
export const segmentRowsMax = 32_768;
/** Marks beyond which a segment is sealed too. */
const segmentMarksMax = 65_536;

class ColumnBuilder {
  readonly codes = new Uint16Array(segmentRowsMax);
  readonly texts: string[] = [];
  readonly #known = new Map<string, number>();

  set(row: number, text: string | undefined): void {
    this.codes[row] = text === undefined ? 0 : codeIn(this.#known, this.texts, text);
  }
}

function codeIn(known: Map<string, number>, texts: string[], text: string): number {
  const found = known.get(text);
  if (found !== undefined) return found;
  texts.push(text);
  known.set(text, texts.length);
  return texts.length;
}

function jsonOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function reduce(column: FactColumn, texts: readonly string[]): Pick<CodedColumn, "reducedCodes" | "reduced"> {
  if (reducedForms[column] === undefined) return {};
  const reducedCodes = new Uint16Array(texts.length + 1);
  const reduced: string[] = [];
  const known = new Map<string, number>();
  for (const [index, text] of texts.entries()) {
    const form = reducedText(column, JSON.parse(text), text);
    reducedCodes[index + 1] = codeIn(known, reduced, form);
  }
  return { reducedCodes, reduced };
}

/** Collects rows and marks of one segment. */
export class SegmentBuilder {
  readonly #columns = new Map<AnyColumn, ColumnBuilder>(
    [...factColumns, ...verdictColumns].map((name) => [name, new ColumnBuilder()]),
  );
  readonly #numbers = Object.fromEntries(
    numberColumns.map((name) => [name, new Float64Array(segmentRowsMax)]),
  ) as Record<NumberColumn, Float64Array>;
  readonly #verdictIds: string[] = [];
  readonly #marks: FactMark[] = [];

  get rows(): number {
    return this.#verdictIds.length;
  }

  get isFull(): boolean {
    return this.rows >= segmentRowsMax || this.#marks.length >= segmentMarksMax;
  }

  get isEmpty(): boolean {
    return this.rows === 0 && this.#marks.length === 0;
  }

  /** Adds a verdict; a full builder must be sealed first. */
  add(verdict: RecordedVerdict): void {
    const row = this.rows;
    const { action, facts, mailboxId, phase, reason, resellerId, tenantId, verdictId } = verdict;
    const { numbers, parts } = splitFacts(facts);
    for (const name of factColumns) this.#columns.get(name)?.set(row, jsonOf(parts[name]));
    for (const name of numberColumns) this.#numbers[name][row] = numbers[name];
    const outcome: RecordedOutcome = { action, reason, phase };
    const owner: RowOwner = {
      ...(tenantId === undefined ? {} : { tenantId }),
      ...(resellerId === undefined ? {} : { resellerId }),
    };
    this.#columns.get("outcome")?.set(row, JSON.stringify(outcome));
    this.#columns.get("owner")?.set(row, JSON.stringify(owner));
    this.#columns.get("mailbox")?.set(row, mailboxId);
    this.#verdictIds.push(verdictId);
  }

  mark(mark: FactMark): void {
    this.#marks.push(mark);
  }

  /** The segment as it stands; the builder may go on. */
  seal(): FactSegment {
    const { rows } = this;
    const columns = Object.fromEntries(
      [...this.#columns].map(([name, { codes, texts }]) => {
        const more = (factColumns as readonly string[]).includes(name) ? reduce(name as FactColumn, texts) : {};
        return [name, { codes: codes.slice(0, rows), texts: [...texts], ...more }];
      }),
    ) as unknown as FactSegment["columns"];
    return {
      rows,
      columns,
      numbers: Object.fromEntries(
        numberColumns.map((name) => [name, this.#numbers[name].slice(0, rows)]),
      ) as unknown as FactSegment["numbers"],
      scores: Float64Array.from([
        Number.NaN,
        ...columns.scan.texts.map((text) => scoreOf(JSON.parse(text) as ScanFact)),
      ]),
      verdictIds: [...this.#verdictIds],
      marks: [...this.#marks],
    };
  }
}

/** Reads rows of a segment; parts that rows share are parsed once. */
export class SegmentReader {
  readonly segment: FactSegment;
  /** By column and code. */
  readonly #parsed: { [Name in AnyColumn]?: unknown[] } = {};

  constructor(segment: FactSegment) {
    this.segment = segment;
  }

  /** A part of a row's facts, or what was recorded of it. */
  part(column: AnyColumn, row: number): unknown {
    const { codes } = this.segment.columns[column];
    return this.value(column, codes[row] ?? 0);
  }

  /** The value behind a column's code. */
  value(column: AnyColumn, code: number): unknown {
    if (code === 0) return undefined;
    const found = this.#parsed[column]?.[code];
    if (found !== undefined) return found;
    const { texts } = this.segment.columns[column];
    const text = texts[code - 1] as string;
    const value: unknown = column === "mailbox" ? text : JSON.parse(text);
    this.#parsed[column] ??= new Array<unknown>(texts.length + 1);
    this.#parsed[column][code] = value;
    return value;
  }

  facts(row: number): Facts {
    const parts: Record<string, unknown> = {};
    for (const name of factColumns) parts[name] = this.part(name, row);
    return joinFacts({ parts, numbers: this.numbers(row) } as Parameters<typeof joinFacts>[0]);
  }

  numbers(row: number): Record<NumberColumn, number> {
    const numbers: { [Name in NumberColumn]?: number } = {};
    for (const name of numberColumns) numbers[name] = this.segment.numbers[name][row] as number;
    return numbers as Record<NumberColumn, number>;
  }

  outcome(row: number): RecordedOutcome {
    return this.part("outcome", row) as RecordedOutcome;
  }

  owner(row: number): RowOwner {
    return this.part("owner", row) as RowOwner;
  }
}
