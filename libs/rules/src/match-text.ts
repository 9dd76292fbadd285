import { foldCase } from "./fold-case.ts";
import type { PatternCache } from "./pattern-cache.ts";
import type { TextTest } from "./rule.ts";

/** A text test with its values as they are compared: folded unless case counts. */
export interface PreparedTest {
  readonly test: TextTest;
  readonly needles: readonly string[];
}

/** Prepares a text test; patterns are compiled later, when first needed. */
export function prepareTest(test: TextTest): PreparedTest {
  const asWritten = test.caseSensitive === true || test.operator === "matches";
  return { test, needles: asWritten ? test.values : test.values.map(foldCase) };
}

/** Work left for patterns: instructions x characters. What would exceed it is not decided. */
export interface PatternBudget {
  steps: number;
}

/** Whether a value satisfies a prepared test; undefined when the budget did not allow to find out. */
export function matchesText(
  { test, needles }: PreparedTest,
  value: { readonly text: string; readonly folded: string },
  patterns: PatternCache,
  budget: PatternBudget,
): boolean | undefined {
  if (test.operator === "matches") return matchesPattern(test, value.text, patterns, budget);
  const { operator } = test;
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
  test: TextTest,
  text: string,
  patterns: PatternCache,
  budget: PatternBudget,
): boolean | undefined {
  let undecided = false;
  for (const source of test.values) {
    const pattern = patterns.get(source, test.caseSensitive === true);
    const steps = pattern.instructions * (text.length + 1);
    if (steps > budget.steps) {
      undecided = true;
      continue;
    }
    budget.steps -= steps;
    if (pattern.test(text)) return true;
  }
  return undecided ? undefined : false;
}
