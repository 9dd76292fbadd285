import { resolve } from "node:path";
import type { Sealer } from "@mailfold/kernel";
import type { Command } from "commander";
import { contextOf } from "../command-context.ts";
import { ConfigError } from "../config.ts";
import { StartRefused } from "../data-directory.ts";
import { printRecord } from "../print.ts";

function refuseKeys(): never {
  throw new Error("invariant broken: a restore seals and opens nothing");
}
const noKeys: Sealer = { seal: refuseKeys, open: refuseKeys, blindIndex: refuseKeys };

/** `mailfold backup DIR` (of the running platform), `mailfold restore DIR` (of a stopped one), `mailfold verify`. */
export function addBackupCommands(program: Command): void {
  program
    .command("backup <directory>")
    .description("back up the running platform into a new directory, while mail flows")
    .action(async (directory: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const payload = await context
        .api()
        .mutate("backupCreate", "backup { directory position bytes }", { directory: resolve(directory) });
      printRecord(payload.backup as Record<string, unknown>, context.json);
    });
  program
    .command("restore <directory>")
    .description("put a backup in place of the data of a stopped platform")
    .option("--yes", "do not ask: the present data is set aside, not kept in place")
    .action(async (directory: string, options: { yes?: boolean }, command: Command) => {
      const context = contextOf(command);
      if (options.yes !== true) throw new ConfigError("restore replaces the data directory's contents; say --yes");
      const { dataDir } = context.config().config;
      const [{ restoreBackup }, { createEventCodec }] = await Promise.all([
        import("@mailfold/journal"),
        import("@mailfold/events"),
      ]);
      const restored = await restoreBackup({
        from: resolve(directory),
        dataDir: resolve(dataDir),
        clock: { now: Date.now },
        // LogRestored seals nothing, and the keys that are there may be what is broken.
        codec: createEventCodec(noKeys),
      });
      printRecord({ ...restored }, context.json);
    });
  program
    .command("verify")
    .description("check log, bodies and views of a stopped platform, or log and bodies of a backup")
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const dataDir = resolve(context.config().config.dataDir);
      const [{ acquireDataLock, isBackupDirectory, verifyData }, { verifyViews }] = await Promise.all([
        import("@mailfold/journal"),
        import("../verify-views.ts"),
      ]);
      // Of nobody, without views, and not to be written to: it may lie on a medium that cannot be.
      const isBackup = isBackupDirectory(dataDir);
      const lock = isBackup ? undefined : acquireDataLock(dataDir);
      try {
        const report = await verifyData(dataDir, lock === undefined ? {} : { lock });
        const viewProblems = report.ok && !isBackup ? await verifyViews(dataDir) : [];
        const problems = [...report.problems, ...viewProblems];
        printRecord({ ...report, ok: problems.length === 0, problems }, context.json);
        if (problems.length > 0) throw new StartRefused(`${problems.length} problems, the first: ${problems[0]}`);
      } finally {
        lock?.release();
      }
    });
}
