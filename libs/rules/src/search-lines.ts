import type { CompiledPattern } from "./pattern-cache.ts";

/** Instructions x characters of one run of a pattern, which nothing interrupts: 25 ms at worst. */
const runStepsMax = 400_000;
/** Characters looked at twice, so that what begins in one piece and ends in the next is found. */
const overlapCharacters = 1_000;

/**
 * Whether a pattern matches somewhere in a text, run on as many lines at a time as one run may cost, until `isOver`. Undefined:
 * time was over, a line is too long for this pattern, or the pattern needs a whole text that is.
 */
export function searchLines(pattern: CompiledPattern, text: string, isOver: () => boolean): boolean | undefined {
  const most = Math.floor(runStepsMax / pattern.instructions);
  if (text.length <= most) return isOver() ? undefined : pattern.test(text);
  if (!pattern.splits) return undefined;
  let isOpen = false;
  for (let start = 0; start < text.length; ) {
    if (isOver()) return undefined;
    const end = text.length - start <= most ? text.length : text.lastIndexOf("\n", start + most);
    if (end > start) {
      // Without the line end: an empty last line is none of the text's.
      if (pattern.test(text.slice(start, end))) return true;
      start = end === text.length ? end : nextStart(text, start, end, most);
    } else if (end === start) start += 1;
    else {
      isOpen = true;
      const next = text.indexOf("\n", start + most);
      start = next < 0 ? text.length : next + 1;
    }
  }
  return isOpen ? undefined : false;
}

/** A line's start about the overlap before the end of what was looked at, and after its start. */
function nextStart(text: string, start: number, end: number, most: number): number {
  const overlap = Math.min(overlapCharacters, most >> 1);
  if (end - start <= overlap) return end + 1;
  const line = text.lastIndexOf("\n", end - overlap) + 1;
  return line > start ? line : text.indexOf("\n", start) + 1;
}
