import { assert } from "@mailfold/kernel";
import { factColumns, numberColumns } from "./fact-columns.ts";
import { type AnyColumn, type CodedColumn, type FactSegment, verdictColumns } from "./fact-segment.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const allColumns: readonly AnyColumn[] = [...factColumns, ...verdictColumns];
const blocksPerColumn = 4;

/** Blocks of a segment: four of each column, one of each number, points, ids. */
export const segmentBlocks = allColumns.length * blocksPerColumn + numberColumns.length + 2;

/** Texts never hold a raw line end: they are JSON, ids, or forms of what is neither. */
function bytesOfTexts(texts: readonly string[]): Uint8Array {
  return encoder.encode(texts.join("\n"));
}

function textsOf(bytes: Uint8Array): readonly string[] {
  return bytes.length === 0 ? [] : decoder.decode(bytes).split("\n");
}

function bytesOf(array: Uint16Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** A segment's rows as blocks of bytes, for a little-endian machine; its marks are not among them. */
export function encodeSegment(segment: FactSegment): readonly Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (const name of allColumns) {
    const { codes, reduced, reducedCodes, texts } = segment.columns[name];
    blocks.push(bytesOf(codes), bytesOfTexts(texts));
    blocks.push(reducedCodes === undefined ? new Uint8Array() : bytesOf(reducedCodes), bytesOfTexts(reduced ?? []));
  }
  for (const name of numberColumns) blocks.push(bytesOf(segment.numbers[name]));
  blocks.push(bytesOf(segment.scores), bytesOfTexts(segment.verdictIds));
  return blocks;
}

/** Makes a value when it is first read. */
function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * Reads what encodeSegment wrote. `block` gives a block by its number, when and only if it is looked at: most tries look at few
 * columns. The caller has checked a sum over the bytes.
 */
export function decodeSegment(rows: number, block: (number: number) => Uint8Array): FactSegment {
  // Copies, since views on 16 and 64 bits must be aligned.
  const codesAt = (number: number): Uint16Array => new Uint16Array(new Uint8Array(block(number)).buffer);
  const floatsAt = (number: number): Float64Array => new Float64Array(new Uint8Array(block(number)).buffer);
  const columnAt = (number: number): CodedColumn => {
    const parts = {
      codes: lazy(() => codesAt(number)),
      texts: lazy(() => textsOf(block(number + 1))),
      reducedCodes: lazy(() => codesAt(number + 2)),
      reduced: lazy(() => textsOf(block(number + 3))),
    };
    return {
      get codes() {
        return parts.codes();
      },
      get texts() {
        return parts.texts();
      },
      get reducedCodes() {
        return parts.reducedCodes().length === 0 ? undefined : parts.reducedCodes();
      },
      get reduced() {
        return parts.reducedCodes().length === 0 ? undefined : parts.reduced();
      },
    };
  };
  const columns = allColumns.map((name, index) => [name, columnAt(index * blocksPerColumn)] as const);
  const numbersAt = allColumns.length * blocksPerColumn;
  const numbers = numberColumns.map((name, index) => [name, floatsAt(numbersAt + index)] as const);
  const scores = lazy(() => floatsAt(numbersAt + numberColumns.length));
  const verdictIds = lazy(() => textsOf(block(numbersAt + numberColumns.length + 1)));
  assert(
    numbers.every(([, values]) => values.length === rows),
    "a segment has as many numbers as rows",
  );
  return {
    rows,
    columns: Object.fromEntries(columns) as unknown as FactSegment["columns"],
    numbers: Object.fromEntries(numbers) as unknown as FactSegment["numbers"],
    marks: [],
    get scores() {
      return scores();
    },
    get verdictIds() {
      return verdictIds();
    },
  };
}
