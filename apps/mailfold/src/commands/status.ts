import type { Command } from "commander";
import { ApiError } from "../api-client.ts";
import { contextOf } from "../command-context.ts";
import { printRecord } from "../print.ts";
import { isAlive, readRunFile } from "../run-file.ts";
import { sealRecordOf } from "../seal-key-file.ts";

/** `mailfold status`: what DATA/run.json says, and whether it is ready. Exit 1 when nothing runs. */
export function addStatusCommand(program: Command): void {
  program
    .command("status")
    .description("show the running platform: ports, readiness, the DNS record to publish")
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const { dataDir } = context.config().config;
      const run = readRunFile(dataDir);
      if (run === undefined || !isAlive(run)) throw new ApiError(`no platform runs on ${dataDir}`);
      const host = run.host.includes(":") ? `[${run.host}]` : run.host;
      const ready = await fetch(`http://${host}:${run.ports.http}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
        (response) => response.ok,
        () => false,
      );
      const sealRecord = sealRecordOf(dataDir, run.hostname);
      printRecord({ ...run, ready, ...(sealRecord === undefined ? {} : { sealRecord }) }, context.json);
    });
}
