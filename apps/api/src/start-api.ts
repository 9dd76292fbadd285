import type { AddressInfo } from "node:net";
import { Turns } from "@mailfold/kernel";
import type { FastifyInstance } from "fastify";
import { createFeedTickets } from "./feed/feed-tickets.ts";
import type { ApiShared } from "./graphql/api-context.ts";
import { createGraphqlServer } from "./graphql/graphql-server.ts";
import { buildApiSchema } from "./graphql/schema.ts";
import { createPolicyTimelines } from "./history/policy-timelines.ts";
import { buildServer } from "./http/build-server.ts";
import { createFeedRegistry } from "./http/feed-route.ts";
import { createRateLimit } from "./http/rate-limit.ts";
import { createLogCursors } from "./log-cursor.ts";
import { createOperations } from "./operations/create-operations.ts";
import { type ApiConfig, type ApiDeps, defaultApiLimits, type RunningApi } from "./ports.ts";
import { SimulationJobs } from "./simulation/simulation-jobs.ts";
import { createTokenAuthentication } from "./token-authentication.ts";

const closeTimeoutMs = 5_000;
/** A preview holds up to 4 MiB while it is read. */
const previewsAtOnce = 4;
/** Explaining takes this thread's time: what waits for rows lets another go on, and no more. */
const explainsAtOnce = 2;

/** Starts GraphQL, the audit feed, health and metrics on HTTP and, with a tlsContext, on HTTPS. */
export async function startApi(deps: ApiDeps, config: ApiConfig): Promise<RunningApi> {
  const limits = { ...defaultApiLimits, ...config.limits };
  const api: ApiShared = {
    deps,
    limits,
    operations: createOperations(deps),
    cursors: createLogCursors(deps.journal.events),
    authentication: createTokenAuthentication(deps),
    tickets: createFeedTickets(deps.clock),
    timelines: createPolicyTimelines(deps.journal.events),
    simulations: new SimulationJobs(deps.simulations, deps.clock, deps.metrics),
    previews: new Turns(previewsAtOnce),
    explains: new Turns(explainsAtOnce),
  };
  const registry = createFeedRegistry();
  const failures = createRateLimit(deps.clock, limits.authFailuresPerMinute / 60, limits.authFailuresPerMinute);
  const ports = { http: 0, https: 0 };
  const shared = {
    api,
    config,
    registry,
    graphql: createGraphqlServer(buildApiSchema(), api),
    requests: createRateLimit(deps.clock, limits.requestsPerSecond, limits.requestBurst),
    rejected: (ip: string, isWrongToken: boolean) => {
      if (isWrongToken) deps.peerAbuse?.loginFailed(ip, "http");
      return failures.take(ip) !== undefined;
    },
    httpsPort: () => ports.https,
  };
  const servers: FastifyInstance[] = [];
  const listen = async (tls: ApiDeps["tlsContext"], port: number) => {
    const server = await buildServer({ ...shared, tls });
    servers.push(server);
    await server.listen({ host: config.host, port });
    return (server.server.address() as AddressInfo).port;
  };
  const close = async () => {
    api.simulations.close();
    await registry.close();
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, closeTimeoutMs).unref());
    await Promise.race([Promise.allSettled(servers.map((server) => server.close())), deadline]);
  };
  try {
    if (deps.tlsContext !== undefined) ports.https = await listen(deps.tlsContext, config.ports.https);
    ports.http = await listen(undefined, config.ports.http);
  } catch (error) {
    await close();
    throw error;
  }
  return { ports, close };
}
