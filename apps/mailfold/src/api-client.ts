import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { adminTokenPath } from "./admin-token.ts";
import { isAlive, readRunFile } from "./run-file.ts";

/** An API call that failed or was refused, said in one line. */
export class ApiError extends Error {}

/** GraphQL over HTTP as the command line uses it. */
export interface ApiClient {
  readonly url: string;
  readonly token: string;
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
  const url = (options.url ?? localUrl(options.dataDir)).replace(/\/$/, "");
  const token = readToken(options);
  async function query(
    document: string,
    variables: Readonly<Record<string, unknown>> = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: document, variables }),
      signal: AbortSignal.timeout(deadlineMs),
    }).catch((error: Error) => {
      throw new ApiError(`${url} does not answer: ${(error.cause as Error | undefined)?.message ?? error.message}`);
    });
    const body = (await response.json().catch(() => ({}))) as Body;
    const [problem] = body.errors ?? [];
    if (problem !== undefined) throw new ApiError(`${problem.extensions?.code ?? response.status}: ${problem.message}`);
    if (body.data === undefined || body.data === null) throw new ApiError(`${url} answered ${response.status}`);
    return body.data;
  }
  return {
    url,
    token,
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

function localUrl(dataDir: string): string {
  const run = readRunFile(dataDir);
  if (run === undefined || !isAlive(run))
    throw new ApiError(
      `no platform runs on ${resolve(dataDir)}; start it with "mailfold serve", or name one with --url`,
    );
  const host = run.host === "0.0.0.0" || run.host === "::" ? "127.0.0.1" : run.host;
  return `http://${host.includes(":") ? `[${host}]` : host}:${run.ports.http}`;
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
