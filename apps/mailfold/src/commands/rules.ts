import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { ApiError } from "../api-client.ts";
import { type CommandContext, contextOf } from "../command-context.ts";
import { ConfigError } from "../config.ts";
import { printJson, printRecord, printRows } from "../print.ts";
import { addScopeOption } from "./scope-option.ts";

type Scope = Readonly<Record<string, unknown>>;
interface ListedRule {
  readonly scope: { readonly kind: string; readonly id: string | null };
  readonly name: string;
  readonly rule: { readonly actions: readonly { readonly do: string }[] };
}
interface Line {
  readonly field: string;
  readonly number: number | null;
  readonly text: string;
}
interface Tested {
  readonly result: string;
  readonly runs: boolean;
  readonly line: Line | null;
  readonly conditions: readonly {
    readonly path: readonly string[];
    readonly condition: unknown;
    readonly result: string;
    readonly line: Line | null;
  }[];
  readonly actions: readonly unknown[];
  readonly dropped: readonly { readonly action: unknown; readonly why: string }[];
  readonly message: Readonly<Record<string, unknown>>;
  readonly truncated: boolean;
}
interface TestAnswer {
  readonly test: Tested | null;
  readonly errors: readonly { readonly code: string; readonly message: string; readonly path: readonly string[] }[];
}

const ruleFields = "scope { kind id } name enabled direction rule";
const lineFields = "line { field number text }";
const testFields = `rule matches result runs direction ${lineFields} conditions { path condition result ${lineFields} }
  actions dropped { action why } message { sender recipient sizeBytes score } truncated`;
const listQuery = `query($scope: ScopeInput!, $inherited: Boolean) { rules(scope: $scope, inherited: $inherited) { ${ruleFields} } }`;
const testQuery = `query($input: RuleTestInput!) { ruleTest(input: $input) { test { ${testFields} } errors { code message path } } }`;

/** `mailfold rules list|save|delete|test`. */
export function addRuleCommands(program: Command): void {
  const rules = program.command("rules").description("processing rules");
  addScopeOption(rules.command("list").description("list a scope's rules in the order in which they run"))
    .option("--inherited", "those of the scopes above too")
    .action(async (options: { scope: Scope; inherited?: boolean }, command: Command) => {
      const context = contextOf(command);
      const listed = await listRules(context, options);
      if (context.json) return printJson(listed);
      const rows = listed.map(({ scope, rule, ...rest }) => ({
        ...rest,
        scope: scope.id ?? scope.kind,
        actions: rule.actions.map((action) => action.do).join(","),
      }));
      printRows(rows, ["scope", "name", "enabled", "direction", "actions"], false);
    });
  addScopeOption(
    rules.command("save [file]").description("save a rule, JSON from a file or stdin, over the one of its name"),
  )
    .option("--before <name>", 'stand before this rule; "" = last')
    .option("--command-id <id>", "makes a retry harmless")
    .option("--dry-run", "only say what would be saved")
    .action(async (file: string | undefined, options: Readonly<Record<string, unknown>>, command: Command) => {
      const context = contextOf(command);
      const payload = await context
        .api()
        .mutate("ruleSave", `rule { ${ruleFields} }`, { ...options, rule: readRule(file) });
      printRecord(payload.rule as Record<string, unknown>, context.json);
    });
  addScopeOption(rules.command("delete <name>").description("delete a rule"))
    .option("--yes", "do not ask: the rule's text is in the audit trail alone")
    .option("--command-id <id>", "makes a retry harmless")
    .action(async (name: string, options: Readonly<Record<string, unknown>>, command: Command) => {
      const context = contextOf(command);
      const { yes, ...input } = options;
      if (yes !== true) throw new ConfigError("the rule's mail is treated otherwise from then on; say --yes");
      const payload = await context.api().mutate("ruleDelete", "scope { kind id }", { ...input, name });
      printRecord({ name, ...(payload.scope as Record<string, unknown>) }, context.json);
    });
  addScopeOption(
    rules
      .command("test [file]")
      .description("run a rule, JSON from a file or stdin, on a stored message; nothing is done"),
  )
    .requiredOption("--message <reference>", "vrd_ of a verdict, hld_ of a held copy, or msg_ of a 250")
    .option("--rule <name>", "the scope's rule of this name instead of JSON")
    .action(testRule);
}

async function listRules(
  context: CommandContext,
  variables: { readonly scope: Scope; readonly inherited?: boolean },
): Promise<readonly ListedRule[]> {
  const data = await context.api().query(listQuery, variables);
  if (data.rules === null) throw new ApiError("there is no such scope");
  return data.rules as readonly ListedRule[];
}

async function testRule(
  file: string | undefined,
  options: { readonly scope: Scope; readonly message: string; readonly rule?: string },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  const { scope, message: messageReference } = options;
  const rule = options.rule === undefined ? readRule(file) : await savedRule(context, scope, options.rule);
  const data = await context.api().query(testQuery, { input: { scope, rule, messageReference } });
  const { test, errors } = data.ruleTest as TestAnswer;
  const [refusal] = errors;
  if (refusal !== undefined) throw new ApiError(`${refusal.code} (${refusal.path.join(".")}): ${refusal.message}`);
  if (test === null) throw new ApiError("the platform tested nothing");
  if (context.json) printJson(test);
  else printTest(test);
}

async function savedRule(context: CommandContext, scope: Scope, name: string): Promise<unknown> {
  const found = (await listRules(context, { scope })).find((each) => each.name === name);
  if (found === undefined) throw new ApiError(`the scope has no rule named ${name}`);
  return found.rule;
}

function printTest({ result, runs, conditions, actions, dropped, message, truncated }: Tested): void {
  printRecord({ result, runs, ...message, truncated }, false);
  process.stdout.write("\n");
  const rows = conditions.map(({ path, condition, result, line }) => ({
    condition: path.join("."),
    result,
    line: line === null ? undefined : `${line.field}${line.number === null ? "" : ` ${line.number}`}: ${line.text}`,
    test: condition,
  }));
  printRows(rows, ["condition", "result", "line", "test"], false);
  process.stdout.write("\n");
  const would = [
    ...actions.map((action) => ({ action, done: "yes" })),
    ...dropped.map(({ action, why }) => ({ action, done: `no: ${why}` })),
  ];
  printRows(would, ["action", "done"], false);
}

function readRule(file: string | undefined): unknown {
  try {
    return JSON.parse(readFileSync(file === undefined || file === "-" ? 0 : file, "utf8"));
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(error instanceof SyntaxError ? `the rule is not JSON: ${message}` : `no rule: ${message}`);
  }
}
