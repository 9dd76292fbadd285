import type { Command } from "commander";
import { contextOf } from "../command-context.ts";
import { printRecord, printRows } from "../print.ts";

const selection = "name version state position lagEvents lagSeconds parked { eventId type position error }";

/** `mailfold projections list|rebuild`. */
export function addProjectionCommands(program: Command): void {
  const projections = program.command("projections").description("views folded from the log");
  projections
    .command("list")
    .description("state and lag of every view")
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const data = await context.api().query(`{ projections { ${selection} } }`);
      printRows(
        data.projections as Record<string, unknown>[],
        ["name", "version", "state", "lagEvents", "lagSeconds", "parked"],
        context.json,
      );
    });
  projections
    .command("rebuild <name>")
    .description("rebuild a view beside the old rows, then swap")
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const payload = await context.api().mutate("projectionRebuild", `projection { ${selection} }`, { name });
      printRecord(payload.projection as Record<string, unknown>, context.json);
    });
}
