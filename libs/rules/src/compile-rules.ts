import { type ContentTest, contentTestKey } from "./match-content.ts";
import { PreparedTest } from "./match-text.ts";
import { LeastRecentlyUsed, PatternCache } from "./pattern-cache.ts";
import { type Condition, type ExistsTest, type NumberTest, type Rule, type RuleScope, ruleScopes } from "./rule.ts";
import { ScopeScanner, scannerAfterDefault } from "./scope-scanner.ts";

/** The rules of one scope, as `parseRules` gave them. `revision` changes whenever they do. */
export interface ScopeRules {
  readonly scope: RuleScope;
  readonly scopeId: string;
  readonly revision: string;
  readonly rules: readonly Rule[];
}

/** A condition ready to be evaluated. */
export type CompiledCondition =
  | { readonly kind: "all" | "any"; readonly children: readonly CompiledCondition[] }
  | { readonly kind: "not"; readonly child: CompiledCondition }
  | { readonly kind: "number"; readonly test: NumberTest }
  | { readonly kind: "exists"; readonly test: ExistsTest }
  | { readonly kind: "content"; readonly test: ContentTest; readonly key: string }
  | { readonly kind: "text"; readonly prepared: PreparedTest };

export interface CompiledRule {
  readonly rule: Rule;
  readonly condition: CompiledCondition;
}

/** One scope's rules, compiled. */
export interface CompiledScope {
  readonly scope: RuleScope;
  readonly rules: readonly CompiledRule[];
  readonly scanner?: ScopeScanner;
  readonly weight: number;
}

/** What a message is run through: scopes from the top down, compiled when first needed. */
export interface CompiledRules {
  readonly scopes: readonly ScopeRules[];
  readonly cache: RuleCache;
}

/** Below this many texts to compare with a scope compares one by one: a scan costs more. Measured by test/load/rules-bench.ts. */
const scannerValuesMin = 24;

/** Compiled scopes and patterns of a process, bounded by weight: literals' characters, instructions. */
export class RuleCache {
  readonly patterns: PatternCache;
  readonly prefilter: boolean;
  /** Comparisons before a scope's scanner is built. */
  readonly scannerAfter: number;
  readonly #scopes: LeastRecentlyUsed<CompiledScope>;

  /** `scopeWeightMax`: about 50 octets each. `prefilter: false` compares everything on its own; for tests. */
  constructor(
    options: {
      readonly scopeWeightMax?: number;
      readonly instructionsMax?: number;
      readonly prefilter?: boolean;
      readonly scannerAfter?: number;
    } = {},
  ) {
    this.patterns = new PatternCache(options.instructionsMax ?? 500_000);
    this.prefilter = options.prefilter ?? true;
    this.scannerAfter = options.scannerAfter ?? scannerAfterDefault;
    this.#scopes = new LeastRecentlyUsed(options.scopeWeightMax ?? 4_000_000, (scope) => scope.weight);
  }

  /** A scope's rules, compiled now if they are not at hand. */
  scope(source: ScopeRules): CompiledScope {
    return this.#scopes.get(`${source.scopeId} ${source.revision}`, () => compileScope(source, this));
  }
}

/** Orders the scopes that concern one recipient from the top down. Costs nothing until rules run. */
export function compileRules(scopes: readonly ScopeRules[], cache: RuleCache): CompiledRules {
  const rank = (scope: RuleScope): number => ruleScopes.indexOf(scope);
  return { scopes: [...scopes].sort((a, b) => rank(a.scope) - rank(b.scope)), cache };
}

function compileScope(source: ScopeRules, { prefilter, scannerAfter }: RuleCache): CompiledScope {
  const tests: PreparedTest[] = [];
  const counts = { values: 0, weight: 64 };
  const compile = (condition: Condition): CompiledCondition => {
    if ("not" in condition) return { kind: "not", child: compile(condition.not) };
    if ("all" in condition) return { kind: "all", children: condition.all.map(compile) };
    if ("any" in condition) return { kind: "any", children: condition.any.map(compile) };
    counts.weight += 10;
    if (condition.field === "size" || condition.field === "score")
      return { kind: "number", test: condition as NumberTest };
    const test = condition as Exclude<typeof condition, NumberTest>;
    if (test.field === "body" || test.field === "attachmentName") {
      return { kind: "content", test: test as ContentTest, key: contentTestKey(test as ContentTest) };
    }
    if (!("values" in test)) return { kind: "exists", test };
    const prepared = new PreparedTest(test);
    counts.weight += test.values.reduce((sum, value) => sum + value.length, 0);
    counts.values += test.values.length;
    tests.push(prepared);
    return { kind: "text", prepared };
  };
  const rules = source.rules
    .filter((rule) => rule.enabled !== false)
    .map((rule): CompiledRule => {
      const kind = rule.all === undefined ? "any" : "all";
      return { rule, condition: { kind, children: (rule.all ?? rule.any ?? []).map(compile) } };
    });
  const useScanner = prefilter && counts.values >= scannerValuesMin;
  return {
    scope: source.scope,
    rules,
    ...(useScanner ? { scanner: new ScopeScanner(tests, scannerAfter) } : {}),
    weight: counts.weight,
  };
}
