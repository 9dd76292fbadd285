import type { Command } from "commander";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { type Config, type ExplainedValue, loadConfig } from "./config.ts";
import { type Variable, variables } from "./config-variables.ts";

interface GlobalOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** What a command gets of the options that stand before or after it. */
export interface CommandContext {
  readonly json: boolean;
  /** Configuration by flag > environment > file. Throws ConfigError. */
  config(): { readonly config: Config; readonly explained: readonly ExplainedValue[] };
  api(): ApiClient;
}

/** Reads the options common to all commands; `flags` = a command's own configuration flags by variable key. */
export function contextOf(command: Command, flags: Readonly<Record<string, string | undefined>> = {}): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>();
  const input = {
    env: process.env,
    flags: { ...flags, ...(options.dataDir === undefined ? {} : { data_dir: options.dataDir }) },
    ...(options.config === undefined ? {} : { file: options.config }),
  };
  return {
    json: options.json === true,
    config: () => loadConfig(input),
    api: () =>
      createApiClient({
        dataDir: loadConfig(input).config.dataDir,
        url: options.url ?? process.env.MAILFOLD_URL,
        tokenFile: options.tokenFile,
        env: process.env,
      }),
  };
}

/** Adds one flag per variable that has one; --data-dir is global already. */
export function addConfigFlags(command: Command): Command {
  for (const variable of variables as readonly Variable[]) {
    if (variable.flag === undefined || variable.key === "data_dir") continue;
    command.option(
      `${variable.flag} <value>`,
      `${variable.meaning} (${variable.name}, default ${variable.fallback() || "generated"})`,
    );
  }
  return command;
}

/** A command's configuration flags by variable key, from commander's camel-case options. */
export function configFlags(options: Readonly<Record<string, unknown>>): Readonly<Record<string, string | undefined>> {
  const entries = (variables as readonly Variable[]).flatMap(({ key, flag }) => {
    const value =
      flag === undefined ? undefined : options[key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    return typeof value === "string" ? [[key, value] as const] : [];
  });
  return Object.fromEntries(entries);
}
