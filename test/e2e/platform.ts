import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../../", import.meta.url));
/** Where test clients that speak PROXY come from; everybody else connects from 127.0.0.1. */
export const proxyAddress = "127.0.0.2";
const program = join(repository, "apps/mailfold/bin/mailfold.js");

interface Ports {
  readonly smtp: number;
  readonly submission: number;
  readonly submissions: number;
  readonly imap: number;
  readonly imaps: number;
  readonly http: number;
  readonly https: number;
}

/** A running `mailfold serve` of its own data directory, as an operator would run it. */
export interface Platform {
  readonly dataDir: string;
  readonly ports: Ports;
  readonly token: string;
  readonly process: ChildProcess;
  /** From spawn until /readyz answered 200, ms. */
  readonly readyMs: number;
  stdout(): string;
  stderr(): string;
  /** POST /graphql; answers `data`, throws on top-level errors. */
  graphql<T = Record<string, never>>(query: string, variables?: Record<string, unknown>, token?: string): Promise<T>;
  /** As graphql, but answers HTTP status and the whole body. */
  graphqlRaw(
    query: string,
    variables?: Record<string, unknown>,
    token?: string | null,
  ): Promise<{ status: number; body: GraphqlBody }>;
  /** Sends a signal and waits for the exit; answers the exit code (null when killed). */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}
interface GraphqlBody {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

export interface PlatformOptions {
  readonly dataDir?: string;
  readonly env?: Record<string, string>;
}

export function temporaryDir(name: string): string {
  return mkdtempSync(join(tmpdir(), `mailfold-${name}-`));
}

const anyPort = Object.fromEntries(
  ["SMTP", "SUBMISSION", "SUBMISSIONS", "IMAP", "IMAPS", "HTTP", "HTTPS"].map((name) => [`MAILFOLD_${name}_PORT`, "0"]),
);

/** Environment of a child: ours without MAILFOLD_*, free ports, trusted loopback proxy. */
export function platformEnv(dataDir: string, env: Record<string, string> = {}): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MAILFOLD_")));
  return {
    ...inherited,
    ...anyPort,
    MAILFOLD_DATA_DIR: dataDir,
    MAILFOLD_HOSTNAME: "mx.mailfold.test",
    MAILFOLD_LOG_LEVEL: "warn",
    MAILFOLD_TRUSTED_PROXIES: `${proxyAddress}/32`,
    ...env,
  };
}

/** Starts the platform and waits until it is ready; a start that fails shows its stderr. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const dataDir = options.dataDir ?? temporaryDir("data");
  const runFile = join(dataDir, "run.json");
  rmSync(runFile, { force: true });
  const startedAt = performance.now();
  const child = spawn(process.execPath, [program, "serve"], {
    env: platformEnv(dataDir, options.env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  // A test that fails before it stops its platform must not leave it running.
  process.once("exit", () => child.kill("SIGKILL"));
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err = (err + chunk.toString()).slice(-200_000)));
  const ports = await untilReady(child, runFile, () => err);
  const readyMs = Math.round(performance.now() - startedAt);
  const token = options.env?.MAILFOLD_ADMIN_TOKEN ?? readFileSync(join(dataDir, "admin-token"), "utf8").trim();
  const graphqlRaw: Platform["graphqlRaw"] = (query, variables, useToken) =>
    postGraphql(ports.http, { query, variables, token: useToken === undefined ? token : useToken });
  return {
    dataDir,
    ports,
    token,
    process: child,
    readyMs,
    stdout: () => out,
    stderr: () => err,
    graphqlRaw,
    async graphql<T>(query: string, variables?: Record<string, unknown>, useToken?: string) {
      const { body } = await graphqlRaw(query, variables, useToken);
      if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
      return body.data as T;
    },
    stop: (signal = "SIGTERM") => stopChild(child, signal),
  };
}

async function untilReady(child: ChildProcess, runFile: string, stderr: () => string): Promise<Ports> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}: ${stderr()}`);
    if (existsSync(runFile)) {
      const run = JSON.parse(readFileSync(runFile, "utf8")) as { pid: number; ports: Ports };
      const ready = await fetch(`http://127.0.0.1:${run.ports.http}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
      if (run.pid === child.pid && ready) return run.ports;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGKILL");
  throw new Error(`not ready in 60 s: ${stderr()}`);
}

async function postGraphql(
  port: number,
  request: { query: string; variables: Record<string, unknown> | undefined; token: string | null },
): Promise<{ status: number; body: GraphqlBody }> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(request.token === null ? {} : { authorization: `Bearer ${request.token}` }),
    },
    body: JSON.stringify({
      query: request.query,
      ...(request.variables === undefined ? {} : { variables: request.variables }),
    }),
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, body: (await response.json()) as GraphqlBody };
}

function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve(code));
    child.kill(signal);
  });
}

/** Runs a command-line call to its end. */
export function runMailfold(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdin.end(input ?? "");
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
