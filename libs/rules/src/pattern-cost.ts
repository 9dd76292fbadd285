/** Costs beside instructions, in instructions: measured on re2js, whose compiler takes about 1.5 us for one. */
const everyPattern = 60;
const unicodeClass = 170;
/** Code points of a range that case folding walks through for the price of one instruction. */
const rangeStep = 20;

/** A group while it is read: what is before its last atom, and that atom, which a repetition multiplies. */
interface OpenGroup {
  before: number;
  last: number;
}

/**
 * What compiling an RE2 pattern takes, in instructions, told from its text alone and hardly ever too low: a pattern of 500
 * characters can cost half a second, so nobody's pattern is compiled before it is weighed.
 */
export function patternCost(pattern: string): number {
  const points = [...pattern];
  const groups: [OpenGroup, ...OpenGroup[]] = [{ before: 0, last: 0 }];
  let once = everyPattern;
  for (let at = 0; at < points.length; at += 1) {
    const group = groups.at(-1) ?? groups[0];
    const point = points[at];
    if (point === "(") groups.push({ before: 2, last: 0 });
    else if (point === ")" && groups.length > 1) {
      groups.pop();
      addAtom(groups.at(-1) ?? groups[0], group.before + group.last);
    } else if (point === "[") {
      const read = readClass(points, at);
      once += read.cost;
      at = read.end;
      addAtom(group, 1);
    } else if (point === "\\") {
      const read = readEscape(points, at);
      once += read.cost;
      at = read.end;
      addAtom(group, read.instructions);
    } else {
      const times = repetition(points, at);
      if (times === undefined) addAtom(group, 1);
      else group.last = (group.last + 1) * times;
    }
  }
  return groups.reduce((sum, { before, last }) => sum + before + last, once);
}

function addAtom(group: OpenGroup, instructions: number): void {
  group.before += group.last;
  group.last = instructions;
}

/** How often `{n,m}` has its atom written out; undefined where no repetition with numbers stands. */
function repetition(points: readonly string[], at: number): number | undefined {
  if (points[at] !== "{") return undefined;
  const [, low, high] = /^\{(\d{1,4})(?:,(\d{0,4}))?\}/.exec(points.slice(at, at + 12).join("")) ?? [];
  return low === undefined ? undefined : Math.max(Number(low), Number(high ?? 0), 1);
}

interface Read {
  /** Index of its last code point. */
  readonly end: number;
  readonly cost: number;
}

/** An escape outside a class: `\Q...\E` is text, `\p{...}` a table. */
function readEscape(points: readonly string[], at: number): Read & { readonly instructions: number } {
  if (points[at + 1] === "Q") {
    let end = at + 2;
    while (end < points.length && !(points[end] === "\\" && points[end + 1] === "E")) end += 1;
    return { end: end + 1, cost: 0, instructions: end - at };
  }
  const { end, isTable } = escapeAt(points, at);
  return { end, cost: isTable ? unicodeClass : 0, instructions: 1 };
}

/** One escaped thing, in a class or out of it, and the code point that it stands for. */
function escapeAt(points: readonly string[], at: number): { end: number; isTable: boolean; point: number } {
  const name = points[at + 1] ?? "";
  const isTable = name === "p" || name === "P";
  let end = at + 1;
  if (isTable || name === "x") {
    const close = points[at + 2] === "{" ? points.indexOf("}", at + 2) : at + (isTable ? 2 : 3);
    end = close < 0 ? points.length : close;
  }
  const digits =
    name === "x"
      ? points
          .slice(at + 2, end + 1)
          .join("")
          .replace(/[{}]/g, "")
      : "";
  return { end, isTable, point: name === "x" ? Number.parseInt(digits, 16) || 0 : (name.codePointAt(0) ?? 0) };
}

/** A class `[...]`: its tables, and its ranges, which case folding walks through. */
function readClass(points: readonly string[], start: number): Read {
  let at = start + (points[start + 1] === "^" ? 2 : 1);
  let cost = 0;
  let low: number | undefined;
  for (let isFirst = true; at < points.length; at += 1, isFirst = false) {
    const point = points[at] ?? "";
    if (point === "]" && !isFirst) return { end: at, cost };
    const isRange = point === "-" && low !== undefined && points[at + 1] !== "]";
    if (isRange) at += 1;
    const escaped = points[at] === "\\" ? escapeAt(points, at) : undefined;
    const value = escaped?.point ?? points[at]?.codePointAt(0) ?? 0;
    if (escaped !== undefined) at = escaped.end;
    cost += escaped?.isTable === true ? unicodeClass : 1;
    if (isRange && low !== undefined) cost += Math.max(0, value - low) / rangeStep;
    low = isRange ? undefined : value;
  }
  return { end: points.length, cost };
}
