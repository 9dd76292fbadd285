import { type SettingValue, scopeId } from "@mailfold/domain";
import { type RulesRunner, ruleAuthentication, type ScopedRules } from "@mailfold/policy";
import {
  compileRules,
  parseRule,
  type Rule,
  RuleCache,
  type RuleInput,
  runRules,
  type ScopeRules,
} from "@mailfold/rules";

/** Fields that only the message itself tells. */
const messageFields: ReadonlySet<string> = new Set([
  "from",
  "to",
  "subject",
  "header",
  "anyHeader",
  "body",
  "attachmentName",
]);

/** Whether a rule, as it is stored, looks at the message itself. */
function readsMessage(value: SettingValue): boolean {
  if (Array.isArray(value)) return value.some(readsMessage);
  if (value === null || typeof value !== "object") return false;
  return Object.entries(value).some(([name, member]) => {
    if (name === "actions") return false;
    return name === "field" ? messageFields.has(String(member)) : readsMessage(member);
  });
}

interface ParsedSet {
  readonly rules: readonly Rule[];
  /** By direction: some rule that runs looks at the message itself. */
  readonly blind: Readonly<Record<RuleInput["direction"], boolean>>;
}

function parseSet({ rules, scope }: ScopedRules): ParsedSet {
  // What this code cannot read does not run, here as at the edge.
  const parsed = rules.flatMap((rule) => parseRule(rule, scope.kind).rule ?? []);
  const isBlind = (direction: RuleInput["direction"]): boolean =>
    parsed.some((rule) => (rule.direction ?? "inbound") === direction && readsMessage(rule as unknown as SettingValue));
  return { rules: parsed, blind: { inbound: isBlind("inbound"), outbound: isBlind("outbound") } };
}

/**
 * Runs rules on what is recorded of a mail: envelope, size, points and authentication. Where any that runs looks at the message
 * itself, there is no answer. For one try: its rules are told from those in force by their event.
 */
export function createRecordedRules(): RulesRunner {
  const cache = new RuleCache();
  const known = new WeakMap<readonly SettingValue[], ParsedSet>();

  function parsed(scoped: ScopedRules): ParsedSet {
    let set = known.get(scoped.rules);
    if (set === undefined) {
      set = parseSet(scoped);
      known.set(scoped.rules, set);
    }
    return set;
  }

  return ({ facts, score, scopes }) => {
    const direction = facts.recipient?.found.kind === "foreign" ? "outbound" : "inbound";
    if (scopes.some((each) => parsed(each).blind[direction])) return undefined;
    const sets = scopes.map((each): ScopeRules => {
      const { byEvent, scope } = each;
      return { scope: scope.kind, scopeId: scopeId(scope), revision: byEvent, rules: parsed(each).rules };
    });
    const authentication = ruleAuthentication(facts);
    const { actions, matched, undecided } = runRules(compileRules(sets, cache), {
      direction,
      sender: facts.sender?.address ?? "",
      recipient: facts.recipient?.address ?? "",
      headers: [],
      sizeBytes: facts.content?.sizeBytes ?? 0,
      ...(authentication === undefined ? {} : { authentication }),
      ...(score === undefined ? {} : { score }),
    });
    return {
      actions: actions.map(({ action, rule, scope }) => ({ action, rule, scope })),
      matched: matched.map(({ rule, scope }) => ({ rule: rule.name, scope })),
      undecided: [...undecided],
    };
  };
}
