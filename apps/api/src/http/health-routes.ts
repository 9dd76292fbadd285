import type { FastifyInstance } from "fastify";
import type { ApiDeps } from "../ports.ts";
import type { TokenAuthentication } from "../token-authentication.ts";
import { isLoopback } from "./address-set.ts";
import { bearerOf, contextOf, isProxied } from "./request-facts.ts";

/** Paths that even a plain-HTTP listener on a public address serves. */
export const healthPaths: ReadonlySet<string> = new Set(["/healthz", "/livez", "/readyz"]);

/** /healthz /livez (alive), /readyz (may take traffic), /metrics (loopback unproxied, or a platform token). */
export function addHealthRoutes(
  app: FastifyInstance,
  deps: Pick<ApiDeps, "readiness" | "metrics">,
  authentication: TokenAuthentication,
): void {
  app.get("/livez", async () => ({ status: "ok" }));
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get<{ Querystring: { verbose?: string } }>("/readyz", async (request, reply) => {
    const { ready, roles, reasons = [] } = deps.readiness();
    reply.code(ready ? 200 : 503);
    const status = ready ? "ready" : "not ready";
    return request.query.verbose === undefined ? { status } : { status, roles, reasons };
  });
  app.get("/metrics", async (request, reply) => {
    const near = isLoopback(request.socket.remoteAddress) && !isProxied(request);
    const token = bearerOf(request);
    const caller = token === undefined ? undefined : authentication.authenticate(token, contextOf(request, "http"));
    if (!near && caller?.scope.kind !== "platform") {
      return reply.code(403).send({ status: "metrics need loopback without a proxy, or a platform token" });
    }
    return reply.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });
}
