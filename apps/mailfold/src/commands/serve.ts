import type { Command } from "commander";
import { addConfigFlags, configFlags, contextOf } from "../command-context.ts";
import { serve } from "../serve.ts";

/** After SIGTERM everything is given this long; then the process ends as it is, which loses nothing acknowledged. */
const stopWithinMs = 9_500;

/** `mailfold serve`: the whole platform in one process. */
export function addServeCommand(program: Command): void {
  addConfigFlags(program.command("serve").description("run the platform")).action(
    async (options: Record<string, unknown>, command: Command) => {
      const { config } = contextOf(command, configFlags(options)).config();
      // Whatever is made from here on is the owner's alone.
      process.umask(0o077);
      const running = await serve(config, (error) => {
        process.stderr.write(`mailfold: ${error.stack ?? error.message}\n`);
        process.exit(1);
      });
      let stopping = false;
      const stop = () => {
        if (stopping) return;
        stopping = true;
        setTimeout(() => process.exit(0), stopWithinMs).unref();
        running.close().then(
          () => process.exit(0),
          (error: Error) => {
            process.stderr.write(`mailfold: while stopping: ${error.stack ?? error.message}\n`);
            process.exit(1);
          },
        );
      };
      process.on("SIGTERM", stop);
      process.on("SIGINT", stop);
    },
  );
}
