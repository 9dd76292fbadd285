import type { EventContext } from "@mailfold/kernel";
import type { FastifyRequest } from "fastify";

const forwardedHeaders = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/** The token of `Authorization: Bearer ...`; undefined when there is none. */
export function bearerOf(request: FastifyRequest): string | undefined {
  const match = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? "");
  return match?.[1];
}

/** Where a request came from, as events say it. `ip` is the client's, believed from trusted proxies only. */
export function contextOf(request: FastifyRequest, protocol: "http" | "websocket"): EventContext {
  return { ip: request.ip, protocol, requestId: request.id };
}

/** Whether any proxy says it stands between. */
export function isProxied(request: FastifyRequest): boolean {
  return forwardedHeaders.some((name) => request.headers[name] !== undefined);
}
