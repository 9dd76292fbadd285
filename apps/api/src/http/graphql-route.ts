import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "../caller.ts";
import type { ApiShared } from "../graphql/api-context.ts";
import { errorBody } from "../graphql/api-error.ts";
import type { GraphqlServer } from "../graphql/graphql-server.ts";
import type { RateLimit } from "./rate-limit.ts";
import { bearerOf, contextOf } from "./request-facts.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set once the bearer token was accepted. */
    caller: Caller | undefined;
  }
}

/** What the route shares with other listeners. */
export interface GraphqlRouteOptions {
  readonly graphql: GraphqlServer;
  readonly requests: RateLimit;
  /** Counts a failed authentication of an address; true when it had too many. */
  readonly rejected: (ip: string, isWrongToken: boolean) => boolean;
}

function throttle(reply: FastifyReply, requestId: string, seconds: number) {
  reply.code(429).header("retry-after", String(seconds));
  return reply.send(errorBody("THROTTLED", `Too many requests. Try again in ${seconds} s.`, requestId));
}

/** `POST /graphql` with `application/json`; nothing else, so that no browser sends one without a preflight. */
export function addGraphqlRoute(app: FastifyInstance, api: ApiShared, options: GraphqlRouteOptions): void {
  app.decorateRequest("caller", undefined);
  app.route({
    method: "POST",
    url: "/graphql",
    // Before the body is read: a stranger's megabyte is not worth a byte.
    onRequest: async (request, reply) => {
      const token = bearerOf(request);
      const caller =
        token === undefined ? undefined : api.authentication.authenticate(token, contextOf(request, "http"));
      if (caller === undefined) {
        if (options.rejected(request.ip, token !== undefined)) return throttle(reply, request.id, 60);
        reply.code(401).header("www-authenticate", "Bearer");
        return reply.send(errorBody("UNAUTHENTICATED", "Send Authorization: Bearer <token>.", request.id));
      }
      const wait = options.requests.take(caller.subject);
      if (wait !== undefined) return throttle(reply, request.id, wait);
      request.caller = caller;
    },
    handler: (request, reply) => execute(options.graphql, request, reply),
  });
  app.route({
    method: ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"],
    url: "/graphql",
    handler: async (request, reply) => {
      reply.code(405).header("allow", "POST");
      return reply.send(errorBody("BAD_REQUEST", "Use POST with application/json.", request.id));
    },
  });
}

async function execute(graphql: GraphqlServer, request: FastifyRequest, reply: FastifyReply) {
  const { caller, id: requestId } = request;
  if (caller === undefined) throw new Error("invariant broken: the route let a stranger in");
  const left = new AbortController();
  reply.raw.on("close", () => left.abort());
  const response = await graphql.fetch(
    "http://localhost/graphql",
    {
      method: "POST",
      headers: { "content-type": "application/json", accept: request.headers.accept ?? "application/json" },
      body: request.body as string,
      signal: left.signal,
    },
    { caller, requestId, left: left.signal },
  );
  reply.code(response.status);
  response.headers.forEach((value, name) => {
    reply.header(name, value);
  });
  if (response.body === null) return reply.send();
  const streams = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  return reply.send(streams ? Readable.from(response.body) : await response.text());
}
