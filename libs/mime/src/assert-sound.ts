import assert from "node:assert/strict";
import type { MimeIndex, MimePart } from "./mime-index.ts";

/** Every offset lies within the message and within the part around it. For tests. */
export function assertSound(index: MimeIndex): void {
  const visit = (part: MimePart, low: number, high: number): void => {
    assert.ok(low <= part.headerStart && part.headerStart <= part.bodyStart);
    assert.ok(part.bodyStart <= part.bodyEnd && part.bodyEnd <= high);
    let at = part.bodyStart;
    for (const child of [...(part.parts ?? []), ...(part.message ? [part.message] : [])]) {
      visit(child, at, Math.max(part.bodyEnd, child.bodyEnd));
      at = child.bodyEnd;
    }
  };
  visit(index.root, 0, index.sizeBytes);
}
