import { randomBytes } from "node:crypto";
import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import type { ApiShared } from "../graphql/api-context.ts";
import { type ApiErrorCode, errorBody } from "../graphql/api-error.ts";
import type { ApiConfig } from "../ports.ts";
import { createAddressSet, isLoopback, isLoopbackHost } from "./address-set.ts";
import { addFeedRoute, type FeedRegistry } from "./feed-route.ts";
import { addGraphqlRoute, type GraphqlRouteOptions } from "./graphql-route.ts";
import { addHealthRoutes, healthPaths } from "./health-routes.ts";

const headerBytesMax = 16_384;
const keepAliveTimeoutMs = 10_000;

/** One listener's server, not yet listening. */
export interface ServerOptions extends GraphqlRouteOptions {
  readonly api: ApiShared;
  readonly config: ApiConfig;
  readonly registry: FeedRegistry;
  /** Absent = plain HTTP. */
  readonly tls?: ApiShared["deps"]["tlsContext"] | undefined;
  /** Port of the HTTPS listener for redirects; 0 when there is none. */
  readonly httpsPort: () => number;
}

/** Builds a listener with every route of the API; the caller listens. */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { api, config, tls } = options;
  const isTrusted = createAddressSet(config.trustedProxies);
  const app = fastify({
    ...(tls === undefined ? {} : { https: { ...tls, minVersion: "TLSv1.2" as const, maxHeaderSize: headerBytesMax } }),
    ...(tls === undefined ? { http: { maxHeaderSize: headerBytesMax } } : {}),
    bodyLimit: api.limits.bodyBytes,
    requestTimeout: api.limits.requestTimeoutMs,
    connectionTimeout: 2 * api.limits.requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    forceCloseConnections: true,
    trustProxy: (address: string) => isTrusted(address),
    genReqId: () => `req_${randomBytes(12).toString("base64url")}`,
  }) as unknown as FastifyInstance;

  refuseDenied(app, api.deps.peerAbuse);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff").header("cache-control", "no-store");
    reply.header("x-request-id", request.id);
  });
  if (tls === undefined && !isLoopbackHost(config.host)) guardPlainHttp(app, isTrusted, options.httpsPort);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    const code: ApiErrorCode = status < 500 ? "BAD_REQUEST" : "INTERNAL";
    if (status >= 500) api.deps.log.error({ err: error, requestId: request.id }, "http: unexpected error");
    const message = status < 500 ? error.message : "Something went wrong on our side.";
    return reply.code(status).send(errorBody(code, message, request.id));
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send(errorBody("BAD_REQUEST", "There is nothing here.", request.id)),
  );
  await addFeedRoute(app, api, {
    registry: options.registry,
    allowedOrigins: config.allowedOrigins ?? [],
    rejected: options.rejected,
  });
  addHealthRoutes(app, api.deps, api.authentication);
  addGraphqlRoute(app, api, options);
  return app;
}

/** An address that is denied for abuse gets nothing but health; what is open already goes on. */
function refuseDenied(app: FastifyInstance, peerAbuse: ApiShared["deps"]["peerAbuse"]): void {
  if (peerAbuse === undefined) return;
  app.addHook("onRequest", async (request, reply) => {
    const seconds = peerAbuse.deniedForSeconds(request.ip);
    if (seconds === undefined || healthPaths.has(request.url.split("?", 1)[0] ?? "")) return;
    const reference = peerAbuse.referenceOf?.(request.ip);
    const quote = reference === undefined ? "" : ` (ref ${reference})`;
    const message = `Your address is refused after abuse. Try again in ${seconds} s.${quote}`;
    return reply
      .code(429)
      .header("retry-after", String(seconds))
      .send(errorBody("THROTTLED", message, request.id));
  });
}

/** On a public address plain HTTP carries health, a redirect, and what a trusted proxy sends. */
function guardPlainHttp(
  app: FastifyInstance,
  isTrusted: (address: string | undefined) => boolean,
  httpsPort: () => number,
): void {
  app.addHook("onRequest", async (request, reply) => {
    const peer = request.socket.remoteAddress;
    const path = request.url.split("?", 1)[0] ?? "";
    if (healthPaths.has(path) || isTrusted(peer)) return;
    if (path === "/metrics" && isLoopback(peer)) return;
    const port = httpsPort();
    const host = /^[A-Za-z0-9.-]{1,253}$|^\[[0-9A-Fa-f:.]+\]$/.exec(request.hostname)?.[0];
    if ((request.method === "GET" || request.method === "HEAD") && port > 0 && host !== undefined) {
      return reply.redirect(`https://${host}${port === 443 ? "" : `:${port}`}${request.url}`, 308);
    }
    return reply.code(403).send(errorBody("BAD_REQUEST", "Use HTTPS: this would travel in the clear.", request.id));
  });
}
