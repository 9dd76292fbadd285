import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { acceptProxyV1 } from "@mailfold/proxy-protocol";
import { type Admission, admissionReplies } from "./admission.ts";
import { deniedReply } from "./replies.ts";
import type { SmtpLimits } from "./smtp-config.ts";

export interface ListenerOptions {
  readonly isImplicitTls: boolean;
  /** Whether it may use the places kept back for submission. */
  readonly isSubmission: boolean;
  readonly limits: SmtpLimits;
  readonly admission: Admission;
  readonly isTrustedProxy: (ip: string) => boolean;
  /** `evt_...` of the denial that keeps this IP out now; undefined = it may come in. */
  readonly denialOf: (ip: string) => string | undefined;
  readonly shouldShed: () => boolean;
  readonly tlsContext: { current(): SecureContext };
  /** A connection that passed; its socket speaks TLS already when the listener does. Calls `left` once it is gone. */
  serve(socket: Socket, peer: AdmittedPeer): void;
  onFault(error: unknown): void;
}

export interface AdmittedPeer {
  readonly ip: string;
  readonly port: number;
  /** Gives its places back; safe to call again. */
  readonly left: () => void;
}

/** One port: counts, PROXY header, denials and implicit TLS come before any SMTP. */
export class Listener {
  private readonly options: ListenerOptions;
  private readonly server: Server;
  private closed: Promise<void> | undefined;
  /** Not served yet; the topmost socket, because a TLS wrap must not be torn down from below. */
  private readonly pending = new Set<Socket>();

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
    if (!this.server.listening) return;
    this.closed = new Promise((resolve) => this.server.close(() => resolve()));
  }

  /** Cuts what is not served yet; resolves when every socket of the port is gone. */
  async destroy(): Promise<void> {
    for (const socket of this.pending) socket.destroy();
    await this.closed;
  }

  private accept(socket: Socket): void {
    // Peers reset connections all the time; whoever serves the socket hears of it by "close".
    socket.on("error", () => {});
    this.pending.add(socket);
    const leave = this.options.admission.enter(this.options.isSubmission);
    const left = (): void => {
      this.pending.delete(socket);
      leave?.();
    };
    socket.once("close", left);
    if (leave === undefined) this.refuse(socket, admissionReplies.full);
    else if (this.options.shouldShed()) this.refuse(socket, admissionReplies.busy);
    else {
      this.identify(socket, left).catch((error) => {
        this.options.onFault(error);
        socket.destroy();
      });
    }
  }

  private async identify(socket: Socket, leave: () => void): Promise<void> {
    const { admission, isTrustedProxy, limits } = this.options;
    const outcome = await acceptProxyV1(socket, { trusted: isTrustedProxy, timeoutMs: limits.proxyTimeoutMs });
    if (!outcome.ok) return;
    const ip = outcome.remoteAddress;
    const denial = this.options.denialOf(ip);
    if (denial !== undefined) return this.refuse(socket, deniedReply(denial));
    const leaveIp = admission.enterAs(ip);
    if (leaveIp === undefined) return this.refuse(socket, admissionReplies["ip-full"]);
    if (socket.destroyed) return leaveIp();
    const left = (): void => {
      leave();
      leaveIp();
    };
    // smtp-server strips a socket's listeners when STARTTLS wraps it, so the connection tells, too.
    socket.once("close", left);
    const peer = { ip, port: outcome.remotePort, left };
    if (this.options.isImplicitTls) this.startTls(socket, peer);
    else this.serve(socket, peer);
  }

  private serve(socket: Socket, peer: AdmittedPeer): void {
    this.pending.delete(socket);
    this.options.serve(socket, peer);
  }

  private startTls(socket: Socket, peer: AdmittedPeer): void {
    const secure = new TLSSocket(socket, { isServer: true, secureContext: this.options.tlsContext.current() });
    this.pending.delete(socket);
    this.pending.add(secure);
    const deadline = setTimeout(() => secure.destroy(), this.options.limits.handshakeTimeoutMs);
    const fail = (): void => {
      clearTimeout(deadline);
      this.pending.delete(secure);
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
      this.serve(secure, peer);
    });
  }

  private refuse(socket: Socket, reply: string): void {
    // Nothing can be said before a TLS handshake.
    if (this.options.isImplicitTls) {
      socket.destroy();
      return;
    }
    socket.end(`${reply}\r\n`);
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), 2_000);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  }
}
