import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { platformEnv, repository, temporaryDir } from "./platform.ts";

/** The `sh` blocks of a page, by the heading above them, in order. */
export function commandsOf(page: string): ReadonlyMap<string, readonly string[]> {
  const blocks = new Map<string, string[]>();
  let heading = "";
  const text = readFileSync(join(repository, page), "utf8");
  for (const match of text.matchAll(/^#+ +(.*)$|^```sh\n([\s\S]*?)^```$/gm)) {
    if (match[1] !== undefined) heading = match[1];
    else blocks.set(heading, [...(blocks.get(heading) ?? []), match[2] ?? ""]);
  }
  return blocks;
}

/** Runs a page's commands in one shell after the other; what one sets, the next ones know. */
export interface PageShell {
  /** Variables as the reader would fill them in; an assignment in the page of a name that is set here does not count. */
  readonly given: Map<string, string>;
  /** Standard output of the block; throws with all its output when a command in it fails. */
  run(block: string): Promise<string>;
}

export function openPageShell(dataDir: string): PageShell {
  const dir = temporaryDir("page");
  mkdirSync(join(dir, "bin"));
  const program = join(repository, "apps/mailfold/bin/mailfold.js");
  const call = `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`;
  writeFileSync(join(dir, "bin/mailfold"), call, { mode: 0o755 });
  const env = { ...platformEnv(dataDir), PATH: `${join(dir, "bin")}:${process.env.PATH}` };
  const given = new Map<string, string>();
  const state = join(dir, "state");
  writeFileSync(state, "");
  return {
    given,
    run(block) {
      const own = block.replace(/^([A-Z]+)=(?!\$\().*$/gm, (line, name) => (given.has(name) ? "" : line));
      const values = [...given].map(([name, value]) => `${name}='${value}'`).join("\n");
      const script = `set -euo pipefail\n. "${state}"\n${values}\n${own}\nset | grep -E '^[A-Z]+=' | grep -E '^(ENTRY|HOLD|IP|LISTING|EVIDENCE|PARDON|SHADOW)=' > "${state}" || true\n`;
      return runShell(script, env);
    },
  };
}

function runShell(script: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/bash", ["-c", script], { env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(stdout);
      else reject(new Error(`ended with ${code}:\n${script}\n${stdout}${stderr}`));
    });
  });
}
