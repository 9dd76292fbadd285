import { spawn } from "node:child_process";

/** Runs a client program to its end; rejects with the last of its output when it fails or takes over a minute. */
export function runClient(
  command: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly codes?: readonly number[] } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.env } });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      if ((options.codes ?? [0]).includes(code ?? -1)) resolve(output);
      else reject(new Error(`${command} ended with ${code}: ${output.slice(-3_000)}`));
    });
  });
}
