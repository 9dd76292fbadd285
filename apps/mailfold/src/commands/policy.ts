import { type Command, InvalidArgumentError } from "commander";
import { contextOf } from "../command-context.ts";
import { printRows } from "../print.ts";
import { momentHelp, parseMoment } from "./as-of-option.ts";
import { addPolicyDiffCommand } from "./policy-diff.ts";
import { addScopeOption } from "./scope-option.ts";
import { parseSetting } from "./setting-argument.ts";
import { boundText, parseBound, type ShownLimit } from "./setting-bound.ts";

type Scope = Readonly<Record<string, unknown>>;
const limitSelection = "{ scope event locked min max allowed }";
const selection = `settings { name value scope event warning limit ${limitSelection} limitBelow ${limitSelection} }`;

interface ShownSetting extends Readonly<Record<string, unknown>> {
  readonly name: string;
  readonly limit: ShownLimit | null;
  readonly limitBelow: ShownLimit | null;
}
interface SetOptions {
  readonly scope: Scope;
  readonly lock: readonly string[];
  readonly bound: readonly (readonly [name: string, bound: unknown])[];
  readonly unlock: readonly string[];
}

/** `mailfold policy show|set|diff`. */
export function addPolicyCommands(program: Command): void {
  const policy = program.command("policy").description("policy settings");
  addScopeOption(
    policy
      .command("show")
      .description(
        "show effective settings with the scope and event that set each, and what scopes above and below may do",
      ),
  )
    .option("--as-of <moment>", `as it was: ${momentHelp}`, parseMoment)
    .action(async (options: { scope: Scope; asOf?: Scope }, command: Command) => {
      const context = contextOf(command);
      const query = `query($scope: ScopeInput!, $asOf: AsOfInput) { effectivePolicy(scope: $scope, asOf: $asOf) { ${selection} } }`;
      const data = await context.api().query(query, options);
      const settings = (data.effectivePolicy as { settings: ShownSetting[] } | null)?.settings ?? [];
      printSettings(settings, context.json);
    });
  addPolicyDiffCommand(policy);
  addScopeOption(
    policy
      .command("set [settings...]")
      .description(
        'set name=value (value as JSON, or plain text), or unset with "name="; limit what scopes below may set',
      ),
  )
    .option("--lock <name>", "scopes below may no longer set it; may be repeated", listed(parseName), [])
    .option(
      "--bound <name=bound>",
      "what scopes below may set: min..max, min.., ..max, or a,b,c; may be repeated",
      listed(parseNamedBound),
      [],
    )
    .option("--unlock <name>", "lift a lock or bound; may be repeated", listed(parseName), [])
    .action(setPolicy);
}

async function setPolicy(settings: readonly string[], options: SetOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const { scope, lock, bound, unlock: unsetLimits } = options;
  const pairs = settings.map(parseSetting);
  const set = Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
  const unset = pairs.filter(([, value]) => value === undefined).map(([name]) => name);
  const limits = Object.fromEntries([...lock.map((name) => [name, { locked: true }] as const), ...bound]);
  const names = new Set([...pairs.map(([name]) => name), ...Object.keys(limits), ...unsetLimits]);
  if (names.size === 0) throw new InvalidArgumentError("name a setting to set, or --lock, --bound or --unlock one");
  if (Object.keys(limits).length < lock.length + bound.length)
    throw new InvalidArgumentError("a setting takes one --lock or one --bound");
  const input = { scope, set, unset, limits, unsetLimits };
  const payload = await context.api().mutate("policyUpdate", `policy { ${selection} }`, input);
  const shown = (payload.policy as { settings: ShownSetting[] }).settings;
  printSettings(
    shown.filter(({ name }) => names.has(name)),
    context.json,
  );
}

function printSettings(settings: readonly ShownSetting[], json: boolean): void {
  const columns = ["name", "value", "scope", "event", "warning", "limit", "limitBelow"];
  if (json) return printRows(settings, columns, json);
  const rows = settings.map((setting) => ({
    ...setting,
    limit: setting.limit && `${boundText(setting.limit)} (${setting.limit.scope})`,
    limitBelow: setting.limitBelow && boundText(setting.limitBelow),
  }));
  printRows(rows, columns, json);
}

/** Collects an option that may be repeated. */
function listed<V>(parse: (text: string) => V): (text: string, before: readonly V[]) => readonly V[] {
  return (text, before) => [...before, parse(text)];
}

function parseName(text: string): string {
  if (!/^[\w.]+$/.test(text)) throw new InvalidArgumentError("write the setting's name alone");
  return text;
}

function parseNamedBound(text: string): readonly [name: string, bound: unknown] {
  const at = text.indexOf("=");
  const bound = at < 1 ? undefined : parseBound(text.slice(at + 1));
  if (bound === undefined) throw new InvalidArgumentError("write name=min..max, name=min.., name=..max or name=a,b,c");
  return [text.slice(0, at), bound];
}
