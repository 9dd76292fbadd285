import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { feedClose, feedSubprotocol } from "../feed/feed-protocol.ts";
import { createFeedSocket, type FeedSocket } from "../feed/feed-socket.ts";
import type { ApiShared } from "../graphql/api-context.ts";
import { contextOf } from "./request-facts.ts";

const frameBytesMax = 65_536;

/** The open feed sockets of every listener. */
export interface FeedRegistry {
  readonly sockets: Set<FeedSocket>;
  /** Says goaway to all. */
  close(): Promise<void>;
}

/** No feed is open yet. */
export function createFeedRegistry(): FeedRegistry {
  const sockets = new Set<FeedSocket>();
  return {
    sockets,
    async close() {
      await Promise.allSettled([...sockets].map((socket) => socket.goAway()));
    },
  };
}

/** Whether a browser's page may open the feed: its own origin, or an allowed one. Others than browsers send no Origin. */
function isAllowedOrigin(request: FastifyRequest, allowed: readonly string[]): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return true;
  return origin === `${request.protocol}://${request.host}` || allowed.includes(origin);
}

/** `ws://HOST/audit` on @fastify/websocket: no compression, frames up to 64 KiB. */
export async function addFeedRoute(
  app: FastifyInstance,
  api: ApiShared,
  options: {
    readonly registry: FeedRegistry;
    readonly allowedOrigins: readonly string[];
    /** Counts a failed hello of an address; true when it had too many. */
    readonly rejected: (ip: string, isWrongToken: boolean) => boolean;
  },
): Promise<void> {
  const { registry } = options;
  await app.register(websocket, {
    options: {
      maxPayload: frameBytesMax,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(feedSubprotocol) ? feedSubprotocol : false),
    },
  });
  app.get("/audit", { websocket: true }, (socket, request) => {
    if (!isAllowedOrigin(request, options.allowedOrigins)) {
      return socket.close(feedClose.notAllowed, "this origin may not open the feed");
    }
    if (registry.sockets.size >= api.limits.feedSockets) return socket.close(feedClose.tooMany, "too many feeds");
    const feed = createFeedSocket({
      socket,
      api,
      context: contextOf(request, "websocket"),
      admit: (caller) => {
        const open = [...registry.sockets].filter((other) => other.caller?.subject === caller.subject);
        return open.length < api.limits.feedSocketsPerSubject;
      },
      onRejected: (isWrongToken) => options.rejected(request.ip, isWrongToken),
    });
    registry.sockets.add(feed);
    api.deps.metrics.connections.inc({ protocol: "audit" });
    socket.on("close", () => {
      registry.sockets.delete(feed);
      api.deps.metrics.connections.dec({ protocol: "audit" });
    });
  });
}
