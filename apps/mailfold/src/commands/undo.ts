import type { Command } from "commander";
import { contextOf } from "../command-context.ts";
import { printJson } from "../print.ts";
import { differenceFields, printDifferences } from "./policy-diff.ts";

/** `mailfold undo`. */
export function addUndoCommand(program: Command): void {
  program
    .command("undo <event>")
    .description("take a change of settings, limits, rules, list entries or pardons back, by its evt_ id or undo token")
    .option("--dry-run", "show what it would change, and change nothing")
    .action(async (event: string, options: { readonly dryRun?: boolean }, command: Command) => {
      const context = contextOf(command);
      const input = event.startsWith("undo_") ? { undoToken: event } : { event };
      const selection = `undone { events differences { ${differenceFields} } }`;
      const payload = await context.api().mutate("undo", selection, { ...input, dryRun: options.dryRun ?? false });
      if (context.json) return printJson(payload);
      const { differences } = payload.undone as { readonly differences: Parameters<typeof printDifferences>[0] };
      printDifferences(differences);
      const { eventIds } = payload.receipt as { readonly eventIds: readonly string[] };
      process.stderr.write(options.dryRun ? "nothing was changed (--dry-run)\n" : `undone by ${eventIds.join(" ")}\n`);
    });
}
