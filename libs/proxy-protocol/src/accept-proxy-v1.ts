import type { Socket } from "node:net";
import { canonicalIp, compileCidrs } from "./addresses.ts";
import { parseProxyV1, proxyHeaderMaxBytes } from "./parse-proxy-v1.ts";

export interface ProxyOptions {
  /** Trusted proxies: IPs and CIDRs, or (compiled once, see compileCidrs) a test for one. */
  readonly trusted: readonly string[] | ((ip: string) => boolean);
  /** Until the whole header must have arrived. */
  readonly timeoutMs: number;
  /** Longest header read; default 107 octets, the protocol's own limit. */
  readonly maxBytes?: number;
}

export type ProxyOutcome =
  | {
      readonly ok: true;
      /** The real client: canonical IP and port. */
      readonly remoteAddress: string;
      readonly remotePort: number;
      /** Whether it comes from a header. */
      readonly proxied: boolean;
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Learns who is at the other end of a fresh connection, before any protocol (or TLS) reads from it. A trusted proxy must
 * send a PROXY v1 header first (HAProxy "The PROXY protocol" 2.1): a receiver may not guess. From anybody else nothing is
 * read, so a header sent by an untrusted peer reaches the protocol as the nonsense it is. Refuses (`ok: false`, socket
 * destroyed) a header that is malformed, too long or too late. The caller keeps an "error" listener on the socket.
 */
export function acceptProxyV1(socket: Socket, options: ProxyOptions): Promise<ProxyOutcome> {
  const peer = canonicalIp(socket.remoteAddress ?? "");
  if (peer === undefined) return Promise.resolve(refuse(socket, "the peer is already gone"));
  const direct = { ok: true, remoteAddress: peer, remotePort: socket.remotePort ?? 0, proxied: false } as const;
  const trusted = typeof options.trusted === "function" ? options.trusted : compileCidrs(options.trusted);
  if (!trusted(peer)) return Promise.resolve(direct);
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    const maxBytes = options.maxBytes ?? proxyHeaderMaxBytes;
    const finish = (outcome: ProxyOutcome): void => {
      clearTimeout(timer);
      socket.off("readable", onReadable);
      socket.off("close", onClose);
      socket.off("end", onClose);
      resolve(outcome);
    };
    const fail = (reason: string): void => finish(refuse(socket, reason));
    const onClose = (): void => fail("closed before its PROXY header was complete");
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        const end = received.subarray(0, maxBytes).indexOf("\r\n");
        if (end >= 0) {
          take(end);
          return;
        }
        // Nonsense is refused at once instead of at the deadline.
        if (received.length >= maxBytes || !"PROXY ".startsWith(received.toString("latin1", 0, 6))) {
          fail("not a PROXY v1 header");
          return;
        }
      }
    };
    const take = (end: number): void => {
      const header = parseProxyV1(received.toString("latin1", 0, end));
      if (header === undefined) {
        fail("not a PROXY v1 header");
        return;
      }
      const rest = received.subarray(end + 2);
      finish(header.kind === "unknown" ? direct : { ok: true, proxied: true, ...header.source });
      if (rest.length > 0) socket.unshift(rest);
    };
    const timer = setTimeout(() => fail("no PROXY header in time"), options.timeoutMs);
    socket.on("readable", onReadable);
    socket.once("close", onClose);
    socket.once("end", onClose);
  });
}

function refuse(socket: Socket, reason: string): ProxyOutcome {
  socket.destroy();
  return { ok: false, reason };
}
