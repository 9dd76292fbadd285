import type { Command } from "commander";
import { contextOf } from "../command-context.ts";
import { printRows } from "../print.ts";
import { momentHelp, parseMoment } from "./as-of-option.ts";
import { addPolicyDiffCommand } from "./policy-diff.ts";
import { addScopeOption } from "./scope-option.ts";
import { parseSetting } from "./setting-argument.ts";

type Scope = Readonly<Record<string, unknown>>;
const selection = "settings { name value scope event warning }";

/** `mailfold policy show|set|diff`. */
export function addPolicyCommands(program: Command): void {
  const policy = program.command("policy").description("policy settings");
  addScopeOption(policy.command("show").description("show effective settings with the scope and event that set each"))
    .option("--as-of <moment>", `as it was: ${momentHelp}`, parseMoment)
    .action(async (options: { scope: Scope; asOf?: Scope }, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(
          `query($scope: ScopeInput!, $asOf: AsOfInput) { effectivePolicy(scope: $scope, asOf: $asOf) { ${selection} } }`,
          options,
        );
      const settings = (data.effectivePolicy as { settings: Record<string, unknown>[] } | null)?.settings ?? [];
      printRows(settings, ["name", "value", "scope", "event", "warning"], context.json);
    });
  addPolicyDiffCommand(policy);
  addScopeOption(
    policy
      .command("set <settings...>")
      .description('set name=value (value as JSON, or plain text), or unset with "name="'),
  ).action(async (settings: readonly string[], options: { scope: Scope }, command: Command) => {
    const context = contextOf(command);
    const pairs = settings.map(parseSetting);
    const set = Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
    const unset = pairs.filter(([, value]) => value === undefined).map(([name]) => name);
    const payload = await context
      .api()
      .mutate("policyUpdate", `policy { ${selection} }`, { scope: options.scope, set, unset });
    const changed = (payload.policy as { settings: { name: string }[] }).settings.filter(({ name }) =>
      pairs.some(([each]) => each === name),
    );
    printRows(changed, ["name", "value", "scope", "event", "warning"], context.json);
  });
}
