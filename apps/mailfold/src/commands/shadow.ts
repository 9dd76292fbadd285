import type { Command } from "commander";
import { ApiError } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { printJson, printRecord, printRows } from "../print.ts";
import { addChangeOptions, type ChangeOptions, changesOf } from "./change-options.ts";
import { addScopeOption } from "./scope-option.ts";

type Scope = Readonly<Record<string, unknown>>;
type Shown = Readonly<Record<string, unknown>>;
const selection = "id state scope { kind id } changes note startedAt expiresAt";
const counted = "from fromReason to toReason count";

interface Report {
  readonly total: number;
  readonly same: number;
  readonly changed: number;
  readonly isComplete: boolean;
  readonly counts: readonly Shown[];
  readonly samples: readonly { readonly reference: string; readonly action: string; readonly reason: string }[];
}

/** `mailfold shadow start|list|report|promote|drop`. */
export function addShadowCommands(program: Command): void {
  const shadow = program.command("shadow").description("changes that are judged beside the policy and decide nothing");
  addStart(shadow);
  addScopeOption(shadow.command("list").description("list a scope's shadows")).action(
    async (options: { scope: Scope }, command: Command) => {
      const context = contextOf(command);
      const data = await context
        .api()
        .query(`query($scope: ScopeInput!) { shadows(scope: $scope) { ${selection} } }`, options);
      const columns = ["id", "state", "changes", "startedAt", "expiresAt", "note"];
      printRows((data.shadows as readonly Shown[] | null) ?? [], columns, context.json);
    },
  );
  addReport(shadow);
  for (const [name, operation, description] of [
    ["promote", "shadowPromote", "make the changes in earnest, all or none"],
    ["drop", "shadowDrop", "give the changes up"],
  ] as const) {
    shadow
      .command(`${name} <id>`)
      .description(description)
      .action(async (shadowId: string, _options: unknown, command: Command) => {
        const context = contextOf(command);
        const payload = await context.api().mutate(operation, `shadow { ${selection} }`, { shadowId });
        printRecord(payload.shadow as Shown, context.json);
      });
  }
}

function addStart(shadow: Command): void {
  addChangeOptions(addScopeOption(shadow.command("start").description("start a shadow")))
    .option("--expires-at <time>", "RFC 3339 time, at most 30 days ahead (default in 7 days)")
    .option("--note <text>", "why")
    .action(
      async (
        { expiresAt, note, scope, ...changes }: ChangeOptions & { scope: Scope; expiresAt?: string; note?: string },
        command: Command,
      ) => {
        const context = contextOf(command);
        const input = { scope, changes: changesOf(changes), expiresAt, note };
        const payload = await context.api().mutate("shadowStart", `shadow { ${selection} }`, input);
        printRecord(payload.shadow as Shown, context.json);
      },
    );
}

function addReport(shadow: Command): void {
  shadow
    .command("report <id>")
    .description("show what a shadow would have done")
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const fields = `total same changed isComplete counts { ${counted} } samples { reference action reason }`;
      const data = await context
        .api()
        .query(`query($id: ID!) { shadow(id: $id) { ${selection} report { ${fields} } } }`, { id });
      const found = data.shadow as (Shown & { readonly report: Report }) | null;
      if (found === null) throw new ApiError(`there is no shadow ${id}`);
      if (context.json) return printJson(found);
      const { report, ...about } = found;
      const { changed, counts, isComplete, samples, same, total } = report;
      printRecord({ ...about, total, same, changed }, false);
      if (counts.length > 0) {
        process.stdout.write("\n");
        printRows(counts, counted.split(" "), false);
        process.stdout.write("\n");
        printRows(samples, ["reference", "action", "reason"], false);
      }
      if (!isComplete) process.stderr.write("only the newest verdicts are counted\n");
    });
}
