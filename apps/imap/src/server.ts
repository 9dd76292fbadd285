import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause, setImmediate as yieldToOthers } from "node:timers/promises";
import { Turns } from "@mailfold/kernel";
import { acceptProxyV1, compileCidrs } from "@mailfold/proxy-protocol";
import { defaultImapLimits, type ImapConfig, type ImapDeps } from "./deps.ts";
import { IndexWrites } from "./mailbox/index-writes.ts";
import { RecentClaims } from "./mailbox/recent-claims.ts";
import { Connection, secureSocket } from "./session/connection.ts";
import { ImapSession } from "./session/imap-session.ts";
import { LiteralBudget, type Shared } from "./session/shared.ts";

const accountsPerTurn = 200;
const largeMessagesAtOnce = 4;

/** A running IMAP front end. */
export interface ImapFrontEnd {
  /** Ports bound; 0 for a listener that was not asked for. */
  readonly ports: { readonly imap: number; readonly imaps: number };
  /** Stops accepting, says BYE, and cuts off what is left after 5 s. */
  close(): Promise<void>;
}

/** Opens the listeners. Rejects when a port cannot be bound. */
export async function startImap(deps: ImapDeps, config: ImapConfig): Promise<ImapFrontEnd> {
  const limits = { ...defaultImapLimits, ...config.limits };
  const { hostname } = config;
  const literals = new LiteralBudget(limits.literalBudgetBytes);
  const indexWrites = new IndexWrites(deps.journal.bodies, deps.log);
  const largeTurns = new Turns(largeMessagesAtOnce);
  const shared: Shared = { deps, limits, hostname, recent: new RecentClaims(), literals, indexWrites, largeTurns };
  const acceptor = new Acceptor(shared, compileCidrs(config.trustedProxies));
  const servers: Server[] = [];
  try {
    const listen = async (port: number | undefined, implicitTls: boolean): Promise<number> => {
      if (port === undefined) return 0;
      const server = createServer({ noDelay: true, keepAlive: true }, (socket) => acceptor.accept(socket, implicitTls));
      servers.push(server);
      return bind(server, port, config.host);
    };
    const imap = await listen(config.ports.imap, false);
    const imaps = await listen(config.ports.imaps, true);
    const checking = new AbortController();
    const checks = acceptor.checkAccountsUntil(checking.signal);
    const close = async (): Promise<void> => {
      checking.abort();
      await checks;
      await Promise.all([...servers.map(closeServer), acceptor.close()]);
    };
    return { ports: { imap, imaps }, close };
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    throw error;
  }
}

/** Lets connections in within their caps, and knows every open session. */
class Acceptor {
  readonly #shared: Shared;
  readonly #isTrustedProxy: (ip: string) => boolean;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ImapSession>();
  readonly #perIp = new Map<string, number>();
  #closing = false;

  constructor(shared: Shared, isTrustedProxy: (ip: string) => boolean) {
    this.#shared = shared;
    this.#isTrustedProxy = isTrustedProxy;
  }

  accept(socket: Socket, implicitTls: boolean): void {
    const { limits, deps } = this.#shared;
    // A reset is no news: the session notices the close.
    socket.on("error", () => {});
    if (this.#closing || this.#sockets.size >= limits.connectionsMax) {
      refuse(socket, implicitTls, "Too many connections");
      return;
    }
    this.#sockets.add(socket);
    deps.metrics.connections.inc({ protocol: "imap" });
    socket.once("close", () => {
      this.#sockets.delete(socket);
      deps.metrics.connections.dec({ protocol: "imap" });
    });
    // Faults of one session end that session; what it cannot foresee is logged with its trace and not hidden.
    this.#serve(socket, implicitTls).catch((error: unknown) => {
      socket.destroy();
      deps.log.error({ err: error }, "imap session failed");
    });
  }

  async #serve(socket: Socket, implicitTls: boolean): Promise<void> {
    const { limits, deps } = this.#shared;
    const peer = await acceptProxyV1(socket, { trusted: this.#isTrustedProxy, timeoutMs: limits.proxyTimeoutMs });
    if (!peer.ok) return;
    // Gone already: its close event was, or will be, nobody's to count.
    if (socket.destroyed) return;
    const ip = peer.remoteAddress;
    if (deps.isDenied?.(ip)) {
      const reference = deps.denialReference?.(ip);
      const quote = reference === undefined ? "" : ` (ref ${reference})`;
      refuse(socket, implicitTls, `Your address is refused for a while after protocol abuse${quote}`);
      return;
    }
    const open = (this.#perIp.get(ip) ?? 0) + 1;
    if (open > limits.connectionsPerIpMax) {
      refuse(socket, implicitTls, "Too many connections from your address");
      return;
    }
    this.#perIp.set(ip, open);
    socket.once("close", () => this.#leave(ip));
    const secured = implicitTls ? await secureSocket(socket, deps, limits.tlsHandshakeTimeoutMs) : socket;
    if (secured === undefined) return;
    const session = new ImapSession(this.#shared, new Connection(this.#shared, secured, { ip, secure: implicitTls }));
    this.#sessions.add(session);
    if (this.#closing) session.end("Server is shutting down");
    try {
      await session.run();
    } finally {
      this.#sessions.delete(session);
    }
  }

  #leave(ip: string): void {
    const left = (this.#perIp.get(ip) ?? 1) - 1;
    if (left <= 0) this.#perIp.delete(ip);
    else this.#perIp.set(ip, left);
  }

  /** Ends, again and again, the sessions of accounts that may no longer log in. */
  async checkAccountsUntil(signal: AbortSignal): Promise<void> {
    const { accountCheckMs } = this.#shared.limits;
    while (await pause(accountCheckMs, true, { signal, ref: false }).catch(() => false)) await this.#checkAccounts();
  }

  async #checkAccounts(): Promise<void> {
    const { directory, readiness } = this.#shared.deps;
    let looked = 0;
    for (const session of this.#sessions) {
      // Each look may read a file: with thousands of sessions others get their turn in between.
      if (++looked % accountsPerTurn === 0) await yieldToOthers();
      // A view that is being rebuilt knows no mailbox: that is no reason to end anything.
      if (!readiness()) return;
      const account = session.mail?.account;
      if (account === undefined) continue;
      const mailbox = directory.mailbox(account.mailboxId);
      const tenant = directory.tenant(account.tenantId);
      const isActive = mailbox?.status === "active" && tenant !== undefined && !tenant.switches.login;
      if (!isActive) session.end("Account is not active");
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const session of this.#sessions) session.end("Server is shutting down");
    const deadline = performance.now() + 5_000;
    while (this.#sockets.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (this.#sessions.size === 0) for (const socket of this.#sockets) socket.destroy();
    }
    for (const socket of this.#sockets) socket.destroy();
  }
}

function refuse(socket: Socket, implicitTls: boolean, text: string): void {
  // Inside TLS there is nothing to say yet; the close must do.
  if (implicitTls) socket.destroy();
  else socket.end(`* BYE [UNAVAILABLE] ${text}\r\n`, () => socket.destroy());
}

function bind(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      // Accept errors (EMFILE) pass; the next connection tries again.
      server.on("error", () => {});
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
