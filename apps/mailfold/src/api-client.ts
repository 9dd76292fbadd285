import { readFileSync } from "node:fs";
import { request as requestTls } from "node:https";
import { join, resolve } from "node:path";
import ipaddr from "ipaddr.js";
import { adminTokenPath } from "./admin-token.ts";
import { isAlive, readRunFile } from "./run-file.ts";

/** An API call that failed or was refused, said in one line. */
export class ApiError extends Error {}

/** GraphQL over HTTP as the command line uses it. */
export interface ApiClient {
  readonly url: string;
  readonly token: string;
  /** The certificate to trust beside the public ones: the local platform's own. */
  readonly ca: Buffer | undefined;
  query(document: string, variables?: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
  /** Runs a mutation named `operation` and answers its payload; a refusal throws ApiError with code and message. */
  mutate(
    operation: string,
    selection: string,
    input: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, unknown>>>;
}

export interface ApiClientOptions {
  readonly dataDir: string;
  /** Base URL of a remote platform; default: the one that runs on this data directory. */
  readonly url?: string | undefined;
  /** File that holds the bearer token; default MAILFOLD_ADMIN_TOKEN, then DATA/admin-token. */
  readonly tokenFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const deadlineMs = 60_000;

interface Body {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

/** Finds the platform and a token. Throws ApiError saying what is missing. */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const local = options.url === undefined ? findLocal(options.dataDir) : undefined;
  const url = (options.url ?? local?.url ?? "").replace(/\/$/, "");
  const ca = local?.ca;
  const token = readToken(options);
  async function query(
    document: string,
    variables: Readonly<Record<string, unknown>> = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const { status, text } = await post(
      { url: `${url}/graphql`, token, ca },
      JSON.stringify({ query: document, variables }),
    ).catch((error: Error) => {
      throw new ApiError(`${url} does not answer: ${(error.cause as Error | undefined)?.message ?? error.message}`);
    });
    const body = parseBody(text);
    const [problem] = body.errors ?? [];
    if (problem !== undefined) throw new ApiError(`${problem.extensions?.code ?? status}: ${problem.message}`);
    if (body.data === undefined || body.data === null) throw new ApiError(`${url} answered ${status}`);
    return body.data;
  }
  return {
    url,
    token,
    ca,
    query,
    async mutate(operation, selection, input) {
      const type = `${operation[0]?.toUpperCase()}${operation.slice(1)}Input!`;
      const document = `mutation($input: ${type}) { ${operation}(input: $input) { ${selection} errors { code message path } receipt { position eventIds replayed lagging } } }`;
      const payload = (await query(document, { input }))[operation] as {
        readonly errors: readonly {
          readonly code: string;
          readonly message: string;
          readonly path: readonly string[];
        }[];
      };
      const [refusal] = payload.errors;
      if (refusal !== undefined)
        throw new ApiError(
          `${refusal.code}${refusal.path.length > 0 ? ` (${refusal.path.join(".")})` : ""}: ${refusal.message}`,
        );
      return payload as unknown as Readonly<Record<string, unknown>>;
    },
  };
}

interface Target {
  readonly url: string;
  readonly token: string;
  readonly ca: Buffer | undefined;
}

/** With our own certificate as the only authority the name adds nothing, and the address bound to may not be in it. */
export function anyName(): undefined {
  return undefined;
}

/** fetch knows no extra certificate authority, so TLS to our own platform goes through node:https. */
async function post(target: Target, body: string): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${target.token}` };
  const signal = AbortSignal.timeout(deadlineMs);
  if (target.ca === undefined) {
    const response = await fetch(target.url, { method: "POST", headers, body, signal });
    return { status: response.status, text: await response.text() };
  }
  const { ca } = target;
  return new Promise((done, fail) => {
    const request = requestTls(
      target.url,
      { method: "POST", headers, ca, checkServerIdentity: anyName, signal },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () =>
          done({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    request.on("error", fail);
    request.end(body);
  });
}

function parseBody(text: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return {};
  }
}

/** The platform that runs here: in clear on loopback, over TLS with its own certificate when it listens elsewhere. */
function findLocal(dataDir: string): { readonly url: string; readonly ca: Buffer | undefined } {
  const run = readRunFile(dataDir);
  if (run === undefined || !isAlive(run)) {
    throw new ApiError(
      `no platform runs on ${resolve(dataDir)}; start it with "mailfold serve", or name one with --url`,
    );
  }
  const isAny = run.host === "0.0.0.0" || run.host === "::";
  const host = isAny ? "127.0.0.1" : run.host;
  const isLoopback = !isAny && ipaddr.process(run.host).range() === "loopback";
  const at = (port: number) => `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (isLoopback) return { url: `http://${at(run.ports.http)}`, ca: undefined };
  return { url: `https://${at(run.ports.https)}`, ca: readFileSync(join(dataDir, "tls/tls-cert.pem")) };
}

function readToken({ dataDir, tokenFile, env }: ApiClientOptions): string {
  if (tokenFile === undefined && env.MAILFOLD_ADMIN_TOKEN) return env.MAILFOLD_ADMIN_TOKEN;
  const path = tokenFile ?? env.MAILFOLD_TOKEN_FILE ?? adminTokenPath(dataDir);
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new ApiError(
      `no token: ${path} cannot be read (${(error as NodeJS.ErrnoException).code}); name a file with --token-file`,
    );
  }
}
