import { foldCase } from "./fold-case.ts";
import type { CompiledPattern, PatternCache } from "./pattern-cache.ts";
import { requiredLiteral } from "./required-literal.ts";
import type { TextTest } from "./rule.ts";

/** A text test and what comparing takes, each part worked out when first needed: most tests of most scopes never are. */
export class PreparedTest {
  readonly test: TextTest;
  #needles: readonly string[] | undefined;
  #literals: readonly (string | undefined)[] | undefined;

  constructor(test: TextTest) {
    this.test = test;
  }

  /** Values as they are compared: folded unless case counts. */
  get needles(): readonly string[] {
    const { caseSensitive, operator, values } = this.test;
    this.#needles ??= caseSensitive === true || operator === "matches" ? values : values.map(foldCase);
    return this.#needles;
  }

  /** By value: a folded text that occurs wherever it holds; undefined where none is certain. */
  get literals(): readonly (string | undefined)[] {
    const { operator, values } = this.test;
    this.#literals ??= values.map(operator === "matches" ? requiredLiteral : foldCase);
    return this.#literals;
  }
}

/** Runs patterns for as long as they may run. */
export interface PatternBudget {
  /** Compiles and runs a pattern only on texts in which its literal occurs; without it, for tests, on all. */
  readonly literalsFirst: boolean;
  /** Whether a pattern matches a text; undefined when there is no room left to find out. */
  test(pattern: CompiledPattern, text: string): boolean | undefined;
}

/** Whether a value satisfies a prepared test; undefined when the budget did not allow to find out. */
export function matchesText(
  prepared: PreparedTest,
  value: { readonly text: string; readonly folded: string },
  patterns: PatternCache,
  budget: PatternBudget,
): boolean | undefined {
  const { test } = prepared;
  if (test.operator === "matches") return matchesPattern(prepared, value, patterns, budget);
  const { operator } = test;
  const { needles } = prepared;
  const text = test.caseSensitive === true ? value.text : value.folded;
  switch (operator) {
    case "contains":
      return needles.some((needle) => text.includes(needle));
    case "equals":
      return needles.includes(text);
    case "startsWith":
      return needles.some((needle) => text.startsWith(needle));
    default:
      return needles.some((needle) => text.endsWith(needle));
  }
}

function matchesPattern(
  { test, literals }: PreparedTest,
  { text, folded }: { readonly text: string; readonly folded: string },
  patterns: PatternCache,
  budget: PatternBudget,
): boolean | undefined {
  let undecided = false;
  for (const [index, source] of test.values.entries()) {
    const literal = budget.literalsFirst ? literals[index] : undefined;
    if (literal !== undefined && !folded.includes(literal)) continue;
    const pattern = patterns.get(source, test.caseSensitive === true);
    const matched = pattern === undefined ? undefined : budget.test(pattern, text);
    if (matched === true) return true;
    undecided ||= matched === undefined;
  }
  return undecided ? undefined : false;
}
