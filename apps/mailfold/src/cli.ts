import { Command, type CommanderError } from "commander";
import { addAuditCommands } from "./commands/audit.ts";
import { addBackupCommands } from "./commands/backup.ts";
import { addConfigCommands } from "./commands/config.ts";
import { addDirectoryCommands } from "./commands/directory.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addExplainCommand } from "./commands/explain.ts";
import { addPolicyCommands } from "./commands/policy.ts";
import { addProjectionCommands } from "./commands/projections.ts";
import { addQuarantineCommands } from "./commands/quarantine.ts";
import { addRuleCommands } from "./commands/rules.ts";
import { addSenderCommands } from "./commands/senders.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addShadowCommands } from "./commands/shadow.ts";
import { addSimulateCommand } from "./commands/simulate.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTokenCommands } from "./commands/token.ts";
import { addUndoCommand } from "./commands/undo.ts";

/** The command line: one file per command group in commands/. */
export function buildProgram(): Command {
  const program = new Command("mailfold")
    .description("Event-sourced mail hosting: serve it, ask it, keep it")
    .option("--config <file>", "configuration file (default mailfold.toml when it exists)")
    .option("--data-dir <dir>", "data directory (MAILFOLD_DATA_DIR)")
    .option("--url <url>", "API of a remote platform, e.g. https://mail.example:8443")
    .option("--token-file <file>", "file that holds the bearer token")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mailfold serve\n  mailfold tenant list\n  mailfold explain vrd_01...\n  mailfold audit tail --json\n",
    )
    .showSuggestionAfterError()
    .showHelpAfterError('(see "mailfold --help")');
  for (const add of [
    addServeCommand,
    addStatusCommand,
    addDoctorCommand,
    addConfigCommands,
    addTokenCommands,
    addDirectoryCommands,
    addPolicyCommands,
    addRuleCommands,
    addSenderCommands,
    addQuarantineCommands,
    addAuditCommands,
    addExplainCommand,
    addShadowCommands,
    addSimulateCommand,
    addUndoCommand,
    addProjectionCommands,
    addBackupCommands,
  ]) {
    add(program);
  }
  throwInsteadOfExit(program);
  return program;
}

/** Commander exits by itself; main() maps every ending to the documented exit codes. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride((error: CommanderError) => {
    throw error;
  });
  for (const child of command.commands) throwInsteadOfExit(child);
}
