import { composed, foldCase } from "./fold-case.ts";
import { LiteralScanner } from "./literal-scanner.ts";
import { matchesText, type PatternBudget, PreparedTest } from "./match-text.ts";
import { PatternCache } from "./pattern-cache.ts";
import type { ExistsTest, TextTest } from "./rule.ts";
import { searchLines } from "./search-lines.ts";

/** A test of body or attachment names: it needs the message parsed. */
export type ContentTest = (TextTest | ExistsTest) & { readonly field: "body" | "attachmentName" };

/** The parts of a message that content tests look at, decoded. */
export interface MessageContent {
  readonly texts: readonly string[];
  readonly attachmentNames: readonly string[];
}

/** What came out of one content test; `undecided` = its budget was spent first. */
export interface ContentAnswer {
  readonly result: "yes" | "no" | "undecided";
  /** The first line that satisfies the test by itself: its number from 1 within the text parts, at most 200 characters. */
  readonly line?: { readonly number: number; readonly text: string };
}

/** Answers by `contentTestKey`. */
export type ContentAnswers = ReadonlyMap<string, ContentAnswer>;

/** What tells content tests apart: equal tests of any scope are asked once. */
export function contentTestKey(test: ContentTest): string {
  return JSON.stringify([
    test.field,
    test.operator,
    "values" in test ? [test.values, test.caseSensitive === true] : [],
  ]);
}

/** Characters of all text parts together that are looked at. */
export const contentCharactersMax = 262_144;
const scannerTestsMin = 4;
const patterns = new PatternCache(200_000);

/** Part of the time that one test's patterns may take: what is dear is left open, and others still have their turn. */
const testShare = 0.5;

/**
 * Answers content tests; meant for a worker. `now` reads a clock in ms and `budgetMs` bounds the time between first and
 * last test; tests not reached are undecided. The clock is read between runs of a pattern, each of which is bounded.
 */
export function matchContent(
  content: MessageContent,
  tests: readonly ContentTest[],
  budget: { readonly budgetMs: number; readonly now: () => number },
): ContentAnswer[] {
  const until = budget.now() + budget.budgetMs;
  const values = { body: bodyValues(content.texts), attachmentName: valuesOf(content.attachmentNames) };
  const prepared = tests.map((test) => ("values" in test ? new PreparedTest(test) : undefined));
  const mayMatch = prefilter(
    prepared,
    values.body.map(({ folded }) => folded),
  );
  const answer = (test: ContentTest, index: number): ContentAnswer => {
    const candidates = values[test.field];
    const ready = prepared[index];
    if (ready === undefined) return { result: candidates.some(({ text }) => text.trim() !== "") ? "yes" : "no" };
    if (test.field === "body" && !mayMatch(index)) return { result: "no" };
    if (budget.now() > until) return { result: "undecided" };
    const patternBudget = { literalsFirst: true, test: runsWithin(budget.budgetMs * testShare, budget.now) };
    let isOpen = false;
    const hit = candidates.findIndex((value) => {
      const matched = matchesText(ready, value, patterns, patternBudget);
      isOpen ||= matched === undefined;
      return matched === true;
    });
    if (hit < 0) return { result: isOpen ? "undecided" : "no" };
    if (test.field === "attachmentName") {
      return { result: "yes", line: { number: hit + 1, text: (candidates[hit]?.text ?? "").slice(0, 200) } };
    }
    const line = budget.now() > until ? undefined : findLine(ready, candidates, hit, patternBudget);
    return line === undefined ? { result: "yes" } : { result: "yes", line };
  };
  // Patterns last: they may spend all of the time, and nothing else does.
  const answers = new Map<number, ContentAnswer>();
  for (const patternsTurn of [false, true]) {
    for (const [index, test] of tests.entries()) {
      if ((test.operator === "matches") === patternsTurn) answers.set(index, answer(test, index));
    }
  }
  return tests.map((_test, index) => answers.get(index) ?? { result: "undecided" });
}

/** Runs patterns until their runs together have taken this long; compiling them is bounded elsewhere. */
function runsWithin(budgetMs: number, now: () => number): PatternBudget["test"] {
  let leftMs = budgetMs;
  return (pattern, text) => {
    const startedAt = now();
    const matched = searchLines(pattern, text, () => now() - startedAt > leftMs);
    leftMs -= now() - startedAt;
    return matched;
  };
}

interface ContentValue {
  readonly text: string;
  readonly folded: string;
}

function valuesOf(texts: readonly string[]): readonly ContentValue[] {
  return texts.slice(0, 1_000).map((raw) => {
    const text = composed(raw.slice(0, 1_000));
    return { text, folded: foldCase(text) };
  });
}

function bodyValues(texts: readonly string[]): readonly ContentValue[] {
  let room = contentCharactersMax;
  const values: ContentValue[] = [];
  for (const raw of texts) {
    if (room <= 0) break;
    const text = composed(raw.slice(0, room).replaceAll("\r\n", "\n"));
    room -= raw.length;
    values.push({ text, folded: foldCase(text) });
  }
  return values;
}

/** One pass over the body finds which literals occur; a test whose every value lacks its literal cannot match. */
function prefilter(
  prepared: readonly (PreparedTest | undefined)[],
  bodies: readonly string[],
): (index: number) => boolean {
  const ids = new Map<string, number>();
  const wanted = prepared.map((ready) => (ready?.test.field === "body" ? literalsOf(ready) : undefined));
  if (wanted.filter((literals) => literals !== undefined).length < scannerTestsMin) return () => true;
  for (const literal of wanted.flatMap((literals) => literals ?? [])) if (!ids.has(literal)) ids.set(literal, ids.size);
  const scanner = new LiteralScanner([...ids.keys()]);
  const found = bodies.map((body) => scanner.scan(body));
  return (index) => {
    const literals = wanted[index];
    return (
      literals === undefined || literals.some((literal) => found.some((hits) => hits[ids.get(literal) ?? 0] === 1))
    );
  };
}

/** Folded texts of which at least one occurs where the test is true; undefined when none is certain. */
export function literalsOf({ literals }: PreparedTest): readonly string[] | undefined {
  const certain = literals.filter((literal) => literal !== undefined);
  return certain.length === literals.length ? certain : undefined;
}

function findLine(
  ready: PreparedTest,
  values: readonly ContentValue[],
  hit: number,
  budget: PatternBudget,
): { readonly number: number; readonly text: string } | undefined {
  const before = values.slice(0, hit).reduce((sum, { text }) => sum + text.split("\n").length, 0);
  const lines = (values[hit]?.text ?? "").split("\n");
  const at = lines.findIndex((text) => matchesText(ready, { text, folded: foldCase(text) }, patterns, budget) === true);
  return at < 0 ? undefined : { number: before + at + 1, text: (lines[at] ?? "").trim().slice(0, 200) };
}
