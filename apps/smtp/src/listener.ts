import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { acceptProxyV1 } from "@mailfold/proxy-protocol";
import { type Admission, admissionReplies } from "./admission.ts";
import type { SmtpLimits } from "./smtp-config.ts";

export interface ListenerOptions {
  readonly isImplicitTls: boolean;
  readonly limits: SmtpLimits;
  readonly admission: Admission;
  readonly isTrustedProxy: (ip: string) => boolean;
  readonly isDenied: (ip: string) => boolean;
  readonly shouldShed: () => boolean;
  readonly tlsContext: { current(): SecureContext };
  /** A connection that passed; its socket speaks TLS already when the listener does. */
  serve(socket: Socket, peer: { readonly ip: string; readonly port: number }): void;
  onFault(error: unknown): void;
}

/** One port: counts, PROXY header, denials and implicit TLS come before any SMTP. */
export class Listener {
  private readonly options: ListenerOptions;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.options = options;
    this.server = createServer({ noDelay: true }, (socket) => this.accept(socket));
  }

  /** Binds; answers the port. Throws when the port cannot be had. */
  async listen(port: number, host: string): Promise<number> {
    this.server.listen({ port, host, backlog: 1_024 });
    await once(this.server, "listening");
    // EMFILE and the like: the listener goes on, the connection is lost.
    this.server.on("error", (error) => this.options.onFault(error));
    return (this.server.address() as AddressInfo).port;
  }

  /** Accepts no more. */
  stop(): void {
    this.server.close();
  }

  /** Cuts what is still open. */
  async destroy(): Promise<void> {
    const closed = this.server.listening ? once(this.server, "close") : undefined;
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  get openCount(): number {
    return this.sockets.size;
  }

  private accept(socket: Socket): void {
    // Peers reset connections all the time; whoever serves the socket hears of it by "close".
    socket.on("error", () => {});
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
    const leave = this.options.admission.enter();
    if (leave === undefined) return this.refuse(socket, "full");
    socket.once("close", leave);
    if (this.options.shouldShed()) return this.refuse(socket, "busy");
    this.identify(socket).catch((error) => {
      this.options.onFault(error);
      socket.destroy();
    });
  }

  private async identify(socket: Socket): Promise<void> {
    const { admission, isTrustedProxy, limits } = this.options;
    const outcome = await acceptProxyV1(socket, { trusted: isTrustedProxy, timeoutMs: limits.proxyTimeoutMs });
    if (!outcome.ok) return;
    const ip = outcome.remoteAddress;
    if (this.options.isDenied(ip)) return this.refuse(socket, "denied");
    const leave = admission.enterAs(ip);
    if (leave === undefined) return this.refuse(socket, "ip-full");
    if (socket.destroyed) return leave();
    socket.once("close", leave);
    const peer = { ip, port: outcome.remotePort };
    if (this.options.isImplicitTls) this.startTls(socket, peer);
    else this.options.serve(socket, peer);
  }

  private startTls(socket: Socket, peer: { readonly ip: string; readonly port: number }): void {
    const secure = new TLSSocket(socket, { isServer: true, secureContext: this.options.tlsContext.current() });
    const deadline = setTimeout(() => secure.destroy(), this.options.limits.handshakeTimeoutMs);
    const fail = (): void => {
      clearTimeout(deadline);
      secure.destroy();
      socket.destroy();
    };
    secure.once("error", fail);
    secure.once("_tlsError", fail);
    secure.once("close", fail);
    secure.once("secure", () => {
      clearTimeout(deadline);
      secure.off("error", fail);
      secure.off("_tlsError", fail);
      secure.off("close", fail);
      secure.on("error", () => {});
      this.options.serve(secure, peer);
    });
  }

  private refuse(socket: Socket, cause: keyof typeof admissionReplies): void {
    // Nothing can be said before a TLS handshake.
    if (this.options.isImplicitTls) {
      socket.destroy();
      return;
    }
    socket.end(`${admissionReplies[cause]}\r\n`);
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), 2_000);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  }
}
