import type { SettingValue } from "@mailfold/domain";
import { MimeBudgetExceeded } from "@mailfold/mime";
import { type CompiledPolicy, type Facts, ruleAuthentication } from "@mailfold/policy";
import {
  type Condition,
  type ContentTest,
  compileRules,
  contentTestKey,
  type MatchedLine,
  type Rule,
  RuleBudget,
  RuleCache,
  type RuleInput,
  type RuleOutcome,
  runRules,
} from "@mailfold/rules";
import type { Caller } from "../caller.ts";
import type { OperationDeps } from "../ports.ts";
import { findStoredMessage, type StoredMessage } from "../records/stored-message.ts";
import { checkRule, settingOf } from "./check-rules.ts";
import type { OperationKit } from "./operation-kit.ts";
import { notFound, refused } from "./operation-outcome.ts";
import type { Operations } from "./operations.ts";
import { placeScope } from "./placed-scope.ts";
import type { RuleTest, RuleTestCondition, RuleTestLine } from "./rule-records.ts";

/** Octets of a message that a test looks at. */
const bytesMax = 4_194_304;

/** Runs one rule on one stored message, and says what each condition came to. Writes nothing, does nothing. */
export function createRuleTest(kit: OperationKit): Operations["ruleTest"] {
  const { deps } = kit;
  return async (caller, input) => {
    const placed = placeScope(kit.view(caller), caller, input.scope);
    if ("errors" in placed) return placed;
    const checked = checkRule(input.rule, placed.scope.kind, ["rule"]);
    if (checked.refusals !== undefined) return refused(...checked.refusals);
    const found = await findStoredMessage(deps, caller, input.messageReference);
    if (found === "missing") return notFound("messageReference");
    const read = found === "gone" ? undefined : await readMessage(deps, found);
    if (found === "gone" || read === undefined) {
      const message = "None of this message's content can be read: it was not kept, or reading it takes too long.";
      return refused({ code: "CONTENT_UNAVAILABLE", message, path: ["messageReference"] });
    }
    return { value: await testRule(deps, checked.value, { found, read, owner: ownerOf(caller) }), errors: [] };
  };
}

/** Who waits for the tests of bodies: all tokens of a scope together. */
function ownerOf({ scope }: Caller): string {
  return scope.kind === "platform" ? scope.kind : scope.id;
}

interface ReadMessage {
  readonly headers: RuleInput["headers"];
  readonly texts: readonly string[];
  readonly attachmentNames: readonly string[];
  readonly truncated: boolean;
}

async function readMessage(
  { journal, mime, log }: OperationDeps,
  { body }: StoredMessage,
): Promise<ReadMessage | undefined> {
  const bytes = await journal.bodies.readRange(body, 0, Math.min(body.sizeBytes, bytesMax));
  if (bytes === undefined) return undefined;
  try {
    const { headers, texts, attachments, truncated } = await mime.text(bytes);
    return {
      headers,
      texts: texts.map(({ text }) => text),
      attachmentNames: attachments.flatMap(({ name }) => (name === undefined ? [] : [name])),
      truncated: truncated || body.sizeBytes > bytesMax,
    };
  } catch (error) {
    if (!(error instanceof MimeBudgetExceeded)) throw error;
    log.warn({ err: error }, "a message takes too long to read for a test of a rule");
    return undefined;
  }
}

async function testRule(
  { policy, ruleContent }: OperationDeps,
  rule: Rule,
  { found, read, owner }: { readonly found: StoredMessage; readonly read: ReadMessage; readonly owner: string },
): Promise<RuleTest> {
  const { sender, recipient, direction, body, facts, isHeld } = found;
  const score = scoreOf(policy.current(), facts);
  const message = { sender, recipient, sizeBytes: body.sizeBytes, ...(score === undefined ? {} : { score }) };
  const authentication = ruleAuthentication(facts as Partial<Facts>);
  const input = {
    ...message,
    headers: read.headers,
    direction,
    held: isHeld,
    ...(authentication && { authentication }),
  };
  const parts = [...partsOf(rule)];
  const [whole, single] = await runApart(
    [[asAsked(rule, direction)], parts.map((part) => asRule(part, direction))],
    input,
    (tests) => ruleContent.match(read, tests, owner),
  );
  const matched = whole?.matched[0];
  const runs = rule.enabled !== false && (rule.direction ?? "inbound") === direction;
  return {
    rule: settingOf(rule),
    result: matched !== undefined ? "yes" : whole?.undecided.length === 0 ? "no" : "undecided",
    runs,
    direction,
    ...lineOf(matched?.line),
    conditions: parts.map((part) => resultOf(part, single)),
    ...(runs && whole !== undefined && matched !== undefined ? actionsOf(rule, whole) : { actions: [], dropped: [] }),
    message,
    truncated: read.truncated,
  };
}

/** Points without what rules of then made of them, under the policy of now; undefined when the facts give none. */
function scoreOf(policy: CompiledPolicy, facts: StoredMessage["facts"]): number | undefined {
  const { content } = facts as Partial<Facts>;
  if (content === undefined) return undefined;
  const { rules: _rules, ...rest } = content;
  try {
    const unruled = { ...facts, content: rest } as unknown as Facts;
    const { verdict } = policy.evaluate("data", unruled, { recorded: true });
    // What an accept list spares has no points, which is not the same as none.
    return verdict?.score ?? (verdict === undefined || verdict.reason === "accept-listed" ? undefined : 0);
  } catch {
    // Facts of another engine version may lack what this one reads.
    return undefined;
  }
}

interface RulePart {
  readonly path: readonly string[];
  readonly condition: Condition;
}

/** Every condition of a rule with its place, outermost first. */
function* partsOf(of: Pick<Rule, "all" | "any">, path: readonly string[] = []): Generator<RulePart> {
  for (const group of ["all", "any"] as const) {
    for (const [index, condition] of (of[group] ?? []).entries()) {
      yield* partsWithin(condition, [...path, group, String(index)]);
    }
  }
}

function* partsWithin(condition: Condition, path: readonly string[]): Generator<RulePart> {
  yield { path, condition };
  if ("not" in condition) yield* partsWithin(condition.not, [...path, "not"]);
  else if ("all" in condition || "any" in condition) yield* partsOf(condition, path);
}

/** The rule as if it were enabled and of this direction. */
function asAsked({ enabled: _enabled, direction: _direction, ...rule }: Rule, direction: RuleInput["direction"]): Rule {
  return direction === "outbound" ? { ...rule, direction } : rule;
}

/** One condition as a rule of its own, under its path's name. */
function asRule({ path, condition }: RulePart, direction: RuleInput["direction"]): Rule {
  const rule: Rule = { name: path.join("."), all: [condition], actions: [{ do: "quarantine" }] };
  return asAsked(rule, direction);
}

/** Runs lists of rules, each by itself, on one message; its body is looked at once for all of them. */
async function runApart(
  lists: readonly (readonly Rule[])[],
  input: RuleInput,
  match: (tests: readonly ContentTest[]) => Promise<RuleInput["content"]>,
): Promise<readonly RuleOutcome[]> {
  const cache = new RuleCache();
  const compiled = lists.map((rules, index) => {
    const scope = { scope: "tenant", scopeId: String(index), revision: "", rules } as const;
    return compileRules([scope], cache);
  });
  const spending = { budget: new RuleBudget() };
  const first = compiled.map((rules) => runRules(rules, input, spending));
  const tests = new Map(first.flatMap(({ needsContent }) => needsContent).map((test) => [contentTestKey(test), test]));
  if (tests.size === 0) return first;
  const content = (await match([...tests.values()])) ?? new Map();
  return compiled.map((rules) => runRules(rules, { ...input, content }, spending));
}

function resultOf({ path, condition }: RulePart, outcome: RuleOutcome | undefined): RuleTestCondition {
  const name = path.join(".");
  const matched = outcome?.matched.find(({ rule }) => rule.name === name);
  const isOpen = outcome?.undecided.some(({ rule }) => rule === name) ?? true;
  return {
    path,
    condition: condition as unknown as SettingValue,
    result: matched !== undefined ? "yes" : isOpen ? "undecided" : "no",
    ...lineOf(matched?.line),
  };
}

function actionsOf(rule: Rule, { actions, dropped }: RuleOutcome): Pick<RuleTest, "actions" | "dropped"> {
  const done = [...actions.map(({ action }) => action), ...rule.actions.filter((action) => action.do === "stop")];
  return { actions: done, dropped: dropped.map(({ action, why }) => ({ action, why })) };
}

/** Strangers wrote it: what controls a terminal or turns text around is left out. */
function lineOf(line: MatchedLine | undefined): { readonly line?: RuleTestLine } {
  if (line === undefined) return {};
  return { line: { ...line, text: line.text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, " ") } };
}
