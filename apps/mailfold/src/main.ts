import { CommanderError, InvalidArgumentError } from "commander";
import { ApiError } from "./api-client.ts";
import { buildProgram } from "./cli.ts";
import { ConfigError } from "./config.ts";
import { StartRefused } from "./data-directory.ts";

/** Runs one command line. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. */
export async function main(args: readonly string[]): Promise<void> {
  // `| head` has read enough: not a failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    await buildProgram().parseAsync([...args], { from: "user" });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    const text = lineOf(error);
    if (text !== undefined) process.stderr.write(`mailfold: ${text}\n`);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof ConfigError ? 2 : 1;
}

/** One line for what a person can mend; a stack only for bugs. */
function lineOf(error: unknown): string | undefined {
  // Commander has said its own, save what an action found wrong with its arguments.
  if (error instanceof CommanderError) return error instanceof InvalidArgumentError ? error.message : undefined;
  if (!(error instanceof Error)) return String(error);
  const known = error instanceof ConfigError || error instanceof StartRefused || error instanceof ApiError;
  const named = /Fault$|LockHeld|Refused/.test(error.name) || /Fault$|Refused$/.test(error.constructor.name);
  return known || named ? error.message.split("\n")[0] : (error.stack ?? error.message);
}
