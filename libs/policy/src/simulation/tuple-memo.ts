/** Numbers that one tuple's answers may depend on besides: points seen, in order, and what came of them. */
interface Steps {
  readonly points: number[];
  readonly answers: number[];
}

/** Points remembered of one tuple. */
const stepsMax = 64;
/** Tuples remembered; then all are forgotten, so that memory stays flat. */
const tuplesMax = 131_072;

/**
 * Remembers answers by tuples of whole numbers, and by one more number, the points, in which answers are steps: between two
 * points with one answer there is no other.
 */
export class TupleMemo {
  readonly #width: number;
  readonly #slots: Int32Array;
  #keys: Int32Array;
  #steps: Steps[] = [];
  #at = 0;

  constructor(width: number) {
    this.#width = width;
    this.#slots = new Int32Array(tuplesMax * 2).fill(-1);
    this.#keys = new Int32Array(width * 1_024);
  }

  clear(): void {
    if (this.#steps.length === 0) return;
    this.#slots.fill(-1);
    this.#steps = [];
  }

  /** The answer for a tuple at a number of points (NaN = none), or undefined; `put` then goes to the same place. */
  get(tuple: Int32Array, points: number): number | undefined {
    this.#at = this.#find(tuple);
    const number = this.#slots[this.#at] as number;
    return number < 0 ? undefined : answerAt(this.#steps[number] as Steps, points);
  }

  /** Whether nothing is known yet of the tuple that was just looked for. */
  get isNew(): boolean {
    return (this.#slots[this.#at] as number) < 0;
  }

  /** Notes the answer for the tuple that was just looked for. */
  put(tuple: Int32Array, points: number, answer: number): void {
    let number = this.#slots[this.#at] as number;
    if (number < 0) {
      if (this.#steps.length >= tuplesMax) {
        this.clear();
        this.#at = this.#find(tuple);
      }
      number = this.#steps.length;
      this.#slots[this.#at] = number;
      this.#keep(tuple, number);
      this.#steps.push({ points: [], answers: [] });
    }
    noteStep(this.#steps[number] as Steps, points, answer);
  }

  #keep(tuple: Int32Array, number: number): void {
    const from = number * this.#width;
    if (from + this.#width > this.#keys.length) {
      const more = new Int32Array(this.#keys.length * 2);
      more.set(this.#keys);
      this.#keys = more;
    }
    this.#keys.set(tuple, from);
  }

  #find(tuple: Int32Array): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.#width; i++) hash = Math.imul(hash ^ (tuple[i] as number), 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const number = this.#slots[at] as number;
      if (number < 0 || this.#isAt(tuple, number)) return at;
    }
  }

  #isAt(tuple: Int32Array, number: number): boolean {
    const from = number * this.#width;
    for (let i = 0; i < this.#width; i++) if (this.#keys[from + i] !== tuple[i]) return false;
    return true;
  }
}

/** Index of the first point that is not below `points`. */
function placeOf(known: readonly number[], points: number): number {
  let low = 0;
  let high = known.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((known[middle] as number) < points) low = middle + 1;
    else high = middle;
  }
  return low;
}

function answerAt({ answers, points: known }: Steps, points: number): number | undefined {
  if (Number.isNaN(points)) return answers[0];
  const at = placeOf(known, points);
  if (known[at] === points) return answers[at];
  const [below, above] = [answers[at - 1], answers[at]];
  return below !== undefined && below === above ? above : undefined;
}

function noteStep({ answers, points: known }: Steps, points: number, answer: number): void {
  if (Number.isNaN(points)) {
    answers[0] = answer;
    return;
  }
  const at = placeOf(known, points);
  // A point between two with the same answer says nothing new; widen the span instead.
  if (answers[at] === answer && answers[at + 1] === answer) known[at] = points;
  else if (answers[at - 1] === answer && answers[at - 2] === answer) known[at - 1] = points;
  else if (known.length < stepsMax) {
    known.splice(at, 0, points);
    answers.splice(at, 0, answer);
  }
}
