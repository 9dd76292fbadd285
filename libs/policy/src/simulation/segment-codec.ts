import { assert } from "@mailfold/kernel";
import { factColumns, numberColumns } from "./fact-columns.ts";
import { type AnyColumn, type CodedColumn, type FactMark, type FactSegment, verdictColumns } from "./fact-segment.ts";

/** What the bytes of a segment hold, in order; lengths in octets. */
interface Layout {
  readonly rows: number;
  readonly lengths: readonly number[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const allColumns: readonly AnyColumn[] = [...factColumns, ...verdictColumns];
const prefixBytes = 4;

/** Texts never hold a raw line end: they are JSON, or ids. */
function bytesOfTexts(texts: readonly string[]): Uint8Array {
  return encoder.encode(texts.join("\n"));
}

function textsOf(bytes: Uint8Array): readonly string[] {
  return bytes.length === 0 ? [] : decoder.decode(bytes).split("\n");
}

function bytesOf(array: Uint16Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function blocksOf(segment: FactSegment): readonly Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (const name of allColumns) {
    const { codes, reduced, reducedCodes, texts } = segment.columns[name];
    blocks.push(bytesOf(codes), bytesOfTexts(texts));
    blocks.push(reducedCodes === undefined ? new Uint8Array() : bytesOf(reducedCodes), bytesOfTexts(reduced ?? []));
  }
  for (const name of numberColumns) blocks.push(bytesOf(segment.numbers[name]));
  blocks.push(bytesOf(segment.scores), bytesOfTexts(segment.verdictIds));
  blocks.push(bytesOfTexts(segment.marks.map((mark) => JSON.stringify(mark))));
  return blocks;
}

/** A segment as bytes, for a little-endian machine; `decodeSegment` reads them. */
export function encodeSegment(segment: FactSegment): Uint8Array {
  const blocks = blocksOf(segment);
  const layout: Layout = { rows: segment.rows, lengths: blocks.map(({ length }) => length) };
  const head = encoder.encode(JSON.stringify(layout));
  const bytes = new Uint8Array(prefixBytes + head.length + blocks.reduce((sum, { length }) => sum + length, 0));
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, prefixBytes);
  let at = prefixBytes + head.length;
  for (const block of blocks) {
    bytes.set(block, at);
    at += block.length;
  }
  return bytes;
}

/** Reads what encodeSegment wrote; throws on anything else. The caller has checked a sum over the bytes. */
export function decodeSegment(bytes: Uint8Array): FactSegment {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headLength = view.getUint32(0, true);
  const { lengths, rows } = JSON.parse(decoder.decode(bytes.subarray(prefixBytes, prefixBytes + headLength))) as Layout;
  let at = prefixBytes + headLength;
  let next = 0;
  const block = (): Uint8Array => {
    const length = lengths[next++] ?? -1;
    assert(length >= 0 && at + length <= bytes.length, "a segment's blocks lie within its bytes");
    at += length;
    return bytes.subarray(at - length, at);
  };
  // Copies, since views on 16 and 64 bits must be aligned.
  const codes = (): Uint16Array => new Uint16Array(block().slice().buffer);
  const floats = (): Float64Array => new Float64Array(block().slice().buffer);
  const column = (): CodedColumn => {
    const first = { codes: codes(), texts: textsOf(block()) };
    const reducedCodes = codes();
    const reduced = textsOf(block());
    return reducedCodes.length === 0 ? first : { ...first, reducedCodes, reduced };
  };
  const columns = Object.fromEntries(allColumns.map((name) => [name, column()]));
  const numbers = Object.fromEntries(numberColumns.map((name) => [name, floats()]));
  const scores = floats();
  const verdictIds = textsOf(block());
  const marks = textsOf(block()).map((text) => JSON.parse(text) as FactMark);
  return { rows, columns, numbers, scores, verdictIds, marks } as unknown as FactSegment;
}
