import type { Command } from "commander";
import { addConfigFlags, configFlags, contextOf } from "../command-context.ts";
import { printRows } from "../print.ts";

/** `mailfold config explain`: each value, secrets masked, and where it comes from. */
export function addConfigCommands(program: Command): void {
  const config = program.command("config").description("configuration");
  addConfigFlags(config.command("explain").description("show each value and its source; secrets masked")).action(
    (options: Record<string, unknown>, command: Command) => {
      const context = contextOf(command, configFlags(options));
      const rows = context.config().explained.map((value) => ({ ...value }));
      printRows(rows, ["name", "value", "source", "meaning"], context.json);
    },
  );
}
