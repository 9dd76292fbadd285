import type { Command } from "commander";
import { addConfigFlags, configFlags, contextOf } from "../command-context.ts";
import type { Running } from "../serve.ts";

/** After SIGTERM everything is given this long; then the process ends as it is, which loses nothing acknowledged. */
const stopWithinMs = 9_500;
/** When the log can take nothing more, peers that wait for an answer still get their 451. */
const lastWordsMs = 500;

/** `mailfold serve`: the whole platform in one process. */
export function addServeCommand(program: Command): void {
  addConfigFlags(program.command("serve").description("run the platform")).action(
    async (options: Record<string, unknown>, command: Command) => {
      const { config } = contextOf(command, configFlags(options)).config();
      // Whatever is made from here on is the owner's alone.
      process.umask(0o077);
      // Loaded by this command only: the others start five times faster without the platform.
      const [{ serve }, { createLogger }] = await Promise.all([import("../serve.ts"), import("@mailfold/telemetry")]);
      const log = createLogger(config.logLevel);
      const fail = (error: Error) => {
        log.fatal({ err: error }, "this process cannot go on and ends");
        setTimeout(() => process.exit(1), lastWordsMs);
      };
      process.on("uncaughtException", (error) => {
        log.fatal({ err: error }, "a bug: this process ends");
        process.exit(1);
      });
      let running: Running | undefined;
      stopOnSignal(() => running?.close());
      running = await serve(config, log, fail);
    },
  );
}

/** Ends the process on SIGTERM or SIGINT, also while it still starts: then there is nothing to finish. */
function stopOnSignal(close: () => Promise<void> | undefined): void {
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), stopWithinMs).unref();
    Promise.resolve(close()).then(
      () => process.exit(0),
      (error: Error) => {
        process.stderr.write(`mailfold: while stopping: ${error.stack ?? error.message}\n`);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}
