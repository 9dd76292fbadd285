import type { Command } from "commander";
import { contextOf } from "../command-context.ts";
import { printJson, printRows } from "../print.ts";
import { momentHelp, parseMoment } from "./as-of-option.ts";
import { addScopeOption } from "./scope-option.ts";

interface Side {
  readonly value: unknown;
  readonly scope: string;
  readonly event: string | null;
}
/** One line of what differs. */
interface Difference {
  readonly part: string;
  readonly name: string;
  readonly list: string | null;
  readonly before: Side | null;
  readonly after: Side | null;
  readonly changedBy: {
    readonly id: string;
    readonly at: string;
    readonly actor: { readonly type: string; readonly id: string; readonly name: string | null };
  } | null;
}
export const differenceFields =
  "part name list before { value scope event } after { value scope event } changedBy { id at actor { type id name } }";

/** Prints differences as a table: what, before, after, and who changed it when. */
export function printDifferences(differences: readonly Difference[]): void {
  const text = (side: Side | null) => (side === null ? "-" : `${JSON.stringify(side.value)} (${side.scope})`);
  const rows = differences.map(({ part, name, list, before, after, changedBy }) => ({
    what: `${part.toLowerCase()} ${list === null ? "" : `${list.toLowerCase()} `}${name}`,
    before: text(before),
    after: text(after),
    event: changedBy?.id,
    at: changedBy?.at,
    by: changedBy && (changedBy.actor.name ?? `${changedBy.actor.type} ${changedBy.actor.id}`),
  }));
  printRows(rows, ["what", "before", "after", "event", "at", "by"], false);
}

/** `mailfold policy diff`. */
export function addPolicyDiffCommand(policy: Command): void {
  addScopeOption(policy.command("diff").description("show what differs in a scope's policy between two moments"))
    .requiredOption("--from <moment>", momentHelp, parseMoment)
    .option("--to <moment>", `${momentHelp}; default now`, parseMoment)
    .action(async (options: Readonly<Record<string, unknown>>, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(
          `query($scope: ScopeInput!, $from: AsOfInput!, $to: AsOfInput) { policyDiff(scope: $scope, from: $from, to: $to) { from to truncated differences { ${differenceFields} } } }`,
          options,
        );
      const diff = data.policyDiff as { readonly truncated: boolean; readonly differences: Difference[] } | null;
      if (context.json) return printJson(diff);
      printDifferences(diff?.differences ?? []);
      if (diff?.truncated === true) process.stderr.write("more list entries differ than are shown\n");
    });
}
