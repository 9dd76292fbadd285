import type { CompiledCondition, CompiledScope } from "./compile-rules.ts";
import type { ContentTest } from "./match-content.ts";
import { matchesText, type PatternBudget } from "./match-text.ts";
import type { PatternCache } from "./pattern-cache.ts";
import type { NumberTest } from "./rule.ts";
import type { InputView } from "./rule-input.ts";
import type { FoundLiterals } from "./scope-scanner.ts";

/** Text that made a test true: of a header or the envelope as it stands there, or a line of the body with its number. */
export interface MatchedLine {
  readonly field: string;
  readonly text: string;
  readonly number?: number;
}

/** What one run of one scope shares between its rules. */
export interface Evaluation {
  readonly scope: CompiledScope;
  readonly view: InputView;
  readonly patterns: PatternCache;
  readonly budget: PatternBudget;
  /** Literals found, once they were looked for. */
  found?: FoundLiterals;
}

/** Outcome of a condition. `unknown` lists the content tests that would decide it; none = a budget was spent. */
export type Outcome =
  | { readonly is: true; readonly line?: MatchedLine }
  | { readonly is: false }
  | { readonly is: "unknown"; readonly needs: readonly ContentTest[] };

const no: Outcome = { is: false };
const yes: Outcome = { is: true };
const undecided: Outcome = { is: "unknown", needs: [] };

/** Evaluates a condition in three-valued logic: what is certain without an unknown part does not wait for it. */
export function evaluateCondition(condition: CompiledCondition, run: Evaluation): Outcome {
  switch (condition.kind) {
    case "all":
      return evaluateGroup(condition.children, run, false);
    case "any":
      return evaluateGroup(condition.children, run, true);
    case "not": {
      const inner = evaluateCondition(condition.child, run);
      return inner.is === "unknown" ? inner : inner.is ? no : yes;
    }
    case "number":
      return compare(condition.test, run.view.input[condition.test.field === "size" ? "sizeBytes" : "score"]);
    case "exists": {
      const value = run.view.values(condition.test.field, condition.test.header).find(({ text }) => text !== "");
      return value === undefined ? no : { is: true, line: { field: condition.test.field, text: value.line } };
    }
    case "content":
      return evaluateContent(condition.test, condition.key, run);
    default:
      return evaluateText(condition, run);
  }
}

/** `decisive`: the outcome of one child that settles the group. */
function evaluateGroup(children: readonly CompiledCondition[], run: Evaluation, decisive: boolean): Outcome {
  const needs: ContentTest[] = [];
  let unknown = false;
  let line: MatchedLine | undefined;
  for (const child of children) {
    const outcome = evaluateCondition(child, run);
    if (outcome.is === "unknown") {
      unknown = true;
      needs.push(...outcome.needs);
    } else if (outcome.is === decisive) return outcome;
    else if (outcome.is && line === undefined) line = outcome.line;
  }
  if (unknown) return { is: "unknown", needs };
  if (decisive) return no;
  return line === undefined ? yes : { is: true, line };
}

function compare({ operator, value }: NumberTest, given: number | undefined): Outcome {
  if (given === undefined) return no;
  const holds = {
    equals: given === value,
    lessThan: given < value,
    atMost: given <= value,
    greaterThan: given > value,
    atLeast: given >= value,
  }[operator];
  return holds ? yes : no;
}

function evaluateContent(test: ContentTest, key: string, run: Evaluation): Outcome {
  const answers = run.view.input.content;
  if (answers === undefined) return { is: "unknown", needs: [test] };
  const answer = answers.get(key);
  if (answer === undefined || answer.result === "undecided") return undecided;
  if (answer.result === "no") return no;
  return answer.line === undefined ? yes : { is: true, line: { field: test.field, ...answer.line } };
}

function evaluateText({ prepared }: CompiledCondition & { readonly kind: "text" }, run: Evaluation): Outcome {
  const { field, header, values: wanted } = prepared.test;
  const values = run.view.values(field, header);
  const scanner = run.scope.scanner?.beforeComparing(values.length * wanted.length);
  if (scanner !== undefined) {
    run.found ??= scanner.scan(run.view);
    if (!scanner.mayHold(prepared, run.found)) return no;
  }
  let unknown = false;
  for (const value of values) {
    const matched = matchesText(prepared, value, run.patterns, run.budget);
    if (matched === true) return { is: true, line: { field, text: value.line } };
    if (matched === undefined) unknown = true;
  }
  return unknown ? undecided : no;
}
