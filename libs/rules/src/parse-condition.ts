import { composed } from "./fold-case.ts";
import { compilePattern } from "./pattern-cache.ts";
import { patternCost } from "./pattern-cost.ts";
import { join, type RuleProblems } from "./problems.ts";
import {
  type Condition,
  comparisons,
  type RuleTest,
  ruleLimits,
  type TextField,
  type TextOperator,
  textFields,
  textOperators,
} from "./rule.ts";

const fields = [...(Object.keys(textFields) as TextField[]), "size", "score"] as const;
const testKeys = ["field", "header", "operator", "value", "values", "caseSensitive"];

/** What the patterns of one scope may still cost; negative = they cost too much, which was said. */
export interface PatternRoom {
  cost: number;
  /** They were accepted before, so they are not compiled to see whether they can be. */
  readonly areStored?: boolean;
}

/** Counts down what a rule may still hold. */
interface ConditionRoom {
  conditions: number;
  readonly patterns: PatternRoom;
}

/** Reads a list of conditions; undefined when it is none. */
export function parseConditions(
  problems: RuleProblems,
  path: string,
  value: unknown,
  room: ConditionRoom & { readonly depth: number; readonly min: number },
): readonly Condition[] | undefined {
  const list = problems.entries(path, value, room.min, ruleLimits.conditionsPerRule);
  if (list === undefined) return undefined;
  if (room.depth > ruleLimits.depth) return problems.add(path, "TOO_MANY", `nested at most ${ruleLimits.depth} deep`);
  return list
    .map((entry, index) => parseCondition(problems, join(path, index), entry, room))
    .filter((condition) => condition !== undefined);
}

function parseCondition(
  problems: RuleProblems,
  path: string,
  value: unknown,
  room: ConditionRoom & { readonly depth: number },
): Condition | undefined {
  const source = typeof value === "object" && value !== null ? value : {};
  const group = ["not", "all", "any"].find((key) => key in source);
  if (group === undefined) {
    room.conditions -= 1;
    if (room.conditions < 0)
      return problems.add(path, "TOO_MANY", `at most ${ruleLimits.conditionsPerRule} tests a rule`);
    return parseTest(problems, path, value, room.patterns);
  }
  const object = problems.object(path, value, [group]);
  if (object === undefined) return undefined;
  const inner = { ...room, depth: room.depth + 1, min: 1 };
  try {
    if (group !== "not") {
      const list = parseConditions(problems, join(path, group), object[group], inner);
      if (list === undefined) return undefined;
      return group === "all" ? { all: list } : { any: list };
    }
    if (inner.depth > ruleLimits.depth)
      return problems.add(path, "TOO_MANY", `nested at most ${ruleLimits.depth} deep`);
    const condition = parseCondition(problems, join(path, "not"), object.not, inner);
    return condition === undefined ? undefined : { not: condition };
  } finally {
    room.conditions = inner.conditions;
  }
}

function parseTest(problems: RuleProblems, path: string, value: unknown, patterns: PatternRoom): RuleTest | undefined {
  const object = problems.object(path, value, testKeys);
  if (object === undefined) return undefined;
  const field = problems.word(join(path, "field"), object.field, fields);
  if (field === undefined) return undefined;
  if (field === "size" || field === "score") {
    const operator = problems.word(join(path, "operator"), object.operator, comparisons);
    const number = object.value;
    if (typeof number !== "number" || !Number.isFinite(number)) {
      return problems.add(join(path, "value"), "BAD_VALUE", field === "size" ? "a number of octets" : "a number");
    }
    return operator === undefined ? undefined : { field, operator, value: number };
  }
  const header = field === "header" ? headerName(problems, join(path, "header"), object.header) : undefined;
  if (field === "header" && header === undefined) return undefined;
  if (field !== "header" && object.header !== undefined) {
    problems.add(join(path, "header"), "NOT_ALLOWED", "only with field header");
  }
  const named = { field, ...(header === undefined ? {} : { header }) };
  const operator = problems.word(join(path, "operator"), object.operator, [...textOperators, "exists"] as const);
  if (operator === undefined) return undefined;
  if (operator === "exists") return { ...named, operator };
  const sensitive = problems.isOn(join(path, "caseSensitive"), object.caseSensitive);
  const values = testValues(problems, path, object, { operator, sensitive, patterns });
  if (values === undefined) return undefined;
  return { ...named, operator, values, ...(sensitive ? { caseSensitive: true } : {}) };
}

function testValues(
  problems: RuleProblems,
  path: string,
  object: Readonly<Record<string, unknown>>,
  {
    operator,
    ...usage
  }: { readonly operator: TextOperator; readonly sensitive: boolean; readonly patterns: PatternRoom },
): readonly string[] | undefined {
  const single = object.values === undefined;
  const listPath = join(path, single ? "value" : "values");
  const isPattern = operator === "matches";
  const max = isPattern ? ruleLimits.patternsPerTest : ruleLimits.valuesPerTest;
  const list = single ? [object.value] : problems.entries(listPath, object.values, 1, max);
  if (list === undefined) return undefined;
  const charactersMax = isPattern ? ruleLimits.patternCharacters : ruleLimits.valueCharacters;
  const values: string[] = [];
  list.forEach((entry, index) => {
    const at = single ? listPath : join(listPath, index);
    const text = problems.text(at, entry, charactersMax);
    if (text === undefined) return;
    if (isPattern && !isUsable(problems, at, text, usage)) return;
    values.push(isPattern ? text : composed(text));
  });
  return [...new Set(values)];
}

function isUsable(
  problems: RuleProblems,
  path: string,
  pattern: string,
  { sensitive, patterns }: { readonly sensitive: boolean; readonly patterns: PatternRoom },
): boolean {
  if (patterns.areStored === true) return true;
  const cost = patternCost(pattern);
  if (cost > ruleLimits.patternCost) {
    problems.add(path, "BAD_PATTERN", "too costly: fewer repetitions, wide ranges or Unicode classes");
    return false;
  }
  if (patterns.cost < 0) return false;
  patterns.cost -= cost;
  if (patterns.cost < 0) {
    problems.add(path, "TOO_MANY", "the patterns of a scope's rules are too costly together");
    return false;
  }
  try {
    const { instructions } = compilePattern(pattern, sensitive);
    if (instructions <= ruleLimits.patternInstructions) return true;
    problems.add(
      path,
      "BAD_PATTERN",
      `too large: ${instructions} instructions, at most ${ruleLimits.patternInstructions}`,
    );
  } catch (error) {
    if (!(error instanceof Error) || !error.name.startsWith("RE2JS")) throw error;
    problems.add(path, "BAD_PATTERN", `RE2 syntax: ${error.message.slice(0, 150)}`);
  }
  return false;
}

/** RFC 5322 section 2.2: printable ASCII but the colon. */
export function headerName(problems: RuleProblems, path: string, value: unknown): string | undefined {
  const name = problems.text(path, value, 78);
  if (name === undefined) return undefined;
  if (!/^[!-9;-~]+$/.test(name)) return problems.add(path, "BAD_VALUE", "a header field name, without colon");
  return name.toLowerCase();
}
