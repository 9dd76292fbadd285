import { existsSync, readFileSync } from "node:fs";
import type { LogLevel } from "@mailfold/telemetry";
import ipaddr from "ipaddr.js";
import { parse } from "smol-toml";
import { type Variable, variables } from "./config-variables.ts";

/** Wrong configuration: said in one line, exit code 2, before anything is opened. */
export class ConfigError extends Error {}

export interface Config {
  readonly dataDir: string;
  readonly host: string;
  readonly hostname: string;
  readonly ports: {
    readonly smtp: number;
    readonly submission: number;
    readonly submissions: number;
    readonly imap: number;
    readonly imaps: number;
    readonly http: number;
    readonly https: number;
  };
  readonly trustedProxies: readonly string[];
  readonly adminToken: string | undefined;
  readonly demo: boolean;
  readonly eventStore: string;
  readonly blobStore: string;
  readonly dns: string | undefined;
  readonly smarthost: string | undefined;
  readonly outboundAllowPrivate: boolean;
  readonly rspamd: string | undefined;
  readonly rspamdController: string | undefined;
  /** Path of a Unix socket, or host and port. */
  readonly clamav: string | { readonly host: string; readonly port: number } | undefined;
  readonly logLevel: LogLevel;
}

/** Where a value came from. */
type Source = "flag" | "environment" | "file" | "default";
export interface ExplainedValue {
  readonly name: string;
  readonly value: string;
  readonly source: Source;
  readonly meaning: string;
}

export interface ConfigInput {
  /** Flag values by variable key. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of mailfold.toml; a missing file is fine unless it was asked for. */
  readonly file?: string;
}

/** Reads flag > environment > file > default. Throws ConfigError naming the variable and what is allowed. */
export function loadConfig(input: ConfigInput): {
  readonly config: Config;
  readonly explained: readonly ExplainedValue[];
} {
  const file = readFile(input.file);
  refuseUnknown(file, input.env);
  const values = new Map<string, unknown>();
  const explained: ExplainedValue[] = [];
  for (const variable of variables as readonly Variable[]) {
    const [text, source] = pick(variable, input, file);
    const parsed = variable.schema.safeParse(text);
    if (!parsed.success) {
      const shown = variable.secret === undefined ? ` (got ${JSON.stringify(text)})` : "";
      throw new ConfigError(`${variable.name}: allowed is ${variable.allowed}${shown}, from ${source}`);
    }
    values.set(variable.key, parsed.data);
    explained.push({ name: variable.name, value: mask(variable, text), source, meaning: variable.meaning });
  }
  const config = toConfig(values, explained);
  return { config, explained };
}

function pick(variable: Variable, input: ConfigInput, file: Readonly<Record<string, string>>): [string, Source] {
  const flag = input.flags?.[variable.key];
  if (flag !== undefined) return [flag, "flag"];
  const env = input.env[variable.name];
  if (env !== undefined && env !== "") return [env, "environment"];
  const filed = file[variable.key];
  if (filed !== undefined) return [filed, "file"];
  return [variable.fallback(), "default"];
}

function readFile(path: string | undefined): Readonly<Record<string, string>> {
  const name = path ?? "mailfold.toml";
  if (!existsSync(name)) {
    if (path === undefined) return {};
    throw new ConfigError(`${path}: no such configuration file`);
  }
  try {
    return Object.fromEntries(
      Object.entries(parse(readFileSync(name, "utf8"))).map(([key, value]) => [key, fileValue(value)]),
    );
  } catch (error) {
    throw new ConfigError(`${name}: ${String((error as Error).message).split("\n")[0]}`);
  }
}

function fileValue(value: unknown): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  return Array.isArray(value) ? value.join(",") : String(value);
}

function refuseUnknown(file: Readonly<Record<string, string>>, env: ConfigInput["env"]): void {
  const keys = new Set<string>(variables.map((variable) => variable.key));
  const names = new Set<string>(variables.map((variable) => variable.name));
  for (const key of Object.keys(file)) {
    if (!keys.has(key)) throw new ConfigError(`mailfold.toml: unknown key ${key}; allowed are ${[...keys].join(", ")}`);
  }
  for (const name of Object.keys(env)) {
    const ours = name.startsWith("MAILFOLD_") && !name.startsWith("MAILFOLD_TEST_") && !reserved.has(name);
    if (ours && !names.has(name))
      throw new ConfigError(`${name}: no such variable; allowed are ${[...names].join(", ")}`);
  }
}

/** Promised in the contract for later front ends, and the command line's own: accepted, not used by serve. */
const reserved = new Set(["MAILFOLD_POP3_PORT", "MAILFOLD_POP3S_PORT", "MAILFOLD_URL", "MAILFOLD_TOKEN_FILE"]);

function mask(variable: Variable, text: string): string {
  if (variable.secret === "whole") return text === "" ? "(generated)" : "********";
  if (variable.secret === "url-password") {
    // To the last @ before the query: whoever forgot to escape a character of the password must not see it printed.
    return text.replace(/(:\/\/[^:@/\s]*):[^?\s]*@/, "$1:********@");
  }
  return text;
}

function toConfig(values: ReadonlyMap<string, unknown>, explained: readonly ExplainedValue[]): Config {
  const read = <T>(key: string) => values.get(key) as T;
  const orNone = (key: string, none: string) => (read<string>(key) === none ? undefined : read<string>(key));
  const config: Config = {
    dataDir: read("data_dir"),
    host: read("host"),
    hostname: read<string>("hostname").toLowerCase(),
    ports: {
      smtp: read("smtp_port"),
      submission: read("submission_port"),
      submissions: read("submissions_port"),
      imap: read("imap_port"),
      imaps: read("imaps_port"),
      http: read("http_port"),
      https: read("https_port"),
    },
    trustedProxies: read("trusted_proxies"),
    adminToken: orNone("admin_token", ""),
    demo: read("demo"),
    eventStore: read("event_store"),
    blobStore: read("blob_store"),
    dns: orNone("dns", "system"),
    smarthost: orNone("smarthost", "none"),
    outboundAllowPrivate: read("outbound_allow_private"),
    rspamd: orNone("rspamd", "none"),
    rspamdController: orNone("rspamd_controller", "none"),
    clamav: read("clamav"),
    logLevel: read("log_level"),
  };
  return checkTogether(config, explained);
}

function checkTogether(config: Config, explained: readonly ExplainedValue[]): Config {
  const loopback = ipaddr.process(config.host).range() === "loopback";
  if (config.demo && !loopback) {
    const source = explained.find((value) => value.name === "MAILFOLD_DEMO")?.source;
    if (source !== "default") {
      throw new ConfigError(
        "MAILFOLD_DEMO: 1 is refused when MAILFOLD_HOST is not a loopback address; set MAILFOLD_DEMO=0",
      );
    }
    return checkTogether({ ...config, demo: false }, explained);
  }
  if (config.eventStore !== "embedded" && config.blobStore === "embedded") {
    throw new ConfigError(
      "MAILFOLD_BLOB_STORE: a cluster log needs file:///directory or s3://bucket?endpoint=..., not embedded",
    );
  }
  if (config.eventStore === "embedded" && config.blobStore !== "embedded") {
    throw new ConfigError("MAILFOLD_BLOB_STORE: the embedded log keeps bodies itself; allowed is embedded");
  }
  if (config.rspamdController !== undefined && config.rspamd === undefined) {
    throw new ConfigError("MAILFOLD_RSPAMD_CONTROLLER: needs MAILFOLD_RSPAMD, which is none");
  }
  const used = Object.entries(config.ports).filter(([, number]) => number !== 0);
  for (const [name, number] of used) {
    const twin = used.find(([other, same]) => other !== name && same === number);
    if (twin)
      throw new ConfigError(
        `MAILFOLD_${name.toUpperCase()}_PORT: port ${number} is also MAILFOLD_${twin[0].toUpperCase()}_PORT's`,
      );
  }
  return config;
}
