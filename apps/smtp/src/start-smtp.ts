import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { CompiledPolicy, ListenerSettings, PolicySource } from "@mailfold/policy";
import { compileCidrs } from "@mailfold/proxy-protocol";
import { Admission } from "./admission.ts";
import { authenticateSession } from "./authenticate.ts";
import { ByteBudget } from "./body-collector.ts";
import { createContentServices } from "./content/content-services.ts";
import { createDenials, type Denials } from "./denials.ts";
import { EdgeServer } from "./edge-server.ts";
import { type AdmittedPeer, Listener } from "./listener.ts";
import { createLoadShedding, createLoopDelayProbe } from "./load-shedding.ts";
import { createAbuseWatch } from "./peer/abuse-watch.ts";
import { DnsLists } from "./peer/dns-lists.ts";
import { createGreylist, memoryGreylistStore } from "./peer/greylist.ts";
import type { PeerSources } from "./peer/peer-facts.ts";
import { createRecipientCounters } from "./peer/recipient-counters.ts";
import { ReplyDelays } from "./peer/reply-delays.ts";
import { boundedResolver } from "./peer/time-budget.ts";
import { createRefusalRecorder } from "./refusal-recorder.ts";
import { type SmtpServices, SmtpSession } from "./session.ts";
import { defaultSmtpLimits, type SmtpConfig, type SmtpLimits } from "./smtp-config.ts";
import { EdgeConnection } from "./smtp-connection.ts";
import type { SmtpDeps } from "./smtp-deps.ts";

export interface Smtp {
  /** Ports listened on; undefined = not started. */
  readonly ports: {
    readonly mx: number | undefined;
    readonly submission: number | undefined;
    readonly submissions: number | undefined;
  };
  /** For other protocols that see abuse: one denial holds for all. */
  readonly denials: Denials;
  /** Stops accepting, lets running transactions finish within limits.drainMs, tells the rest 421. */
  close(): Promise<void>;
}

/** Starts the MX and submission listeners. Throws what listen() throws (a busy port) after closing what was open. */
export async function startSmtp(deps: SmtpDeps, config: SmtpConfig): Promise<Smtp> {
  const edge = new SmtpEdge(deps, config);
  try {
    const mx = await edge.open("mx", config.ports.mx, false);
    const submission = await edge.open("submission", config.ports.submission, false);
    const submissions = await edge.open("submission", config.ports.submissions, true);
    return { ports: { mx, submission, submissions }, denials: edge.services.denials, close: () => edge.close() };
  } catch (error) {
    await edge.close();
    throw error;
  }
}

class SmtpEdge {
  readonly services: SmtpServices;
  private readonly config: SmtpConfig;
  private readonly admission: Admission;
  private readonly isTrustedProxy: (ip: string) => boolean;
  private readonly shouldShed: () => boolean;
  private readonly probe: ReturnType<typeof createLoopDelayProbe>;
  private readonly listeners: Listener[] = [];
  private readonly connections = new Set<EdgeConnection>();
  private readonly sweepTimer: NodeJS.Timeout;
  private isClosing = false;

  constructor(deps: SmtpDeps, config: SmtpConfig) {
    this.config = config;
    const limits = { ...defaultSmtpLimits, ...config.limits };
    this.isTrustedProxy = compileCidrs(config.trustedProxies);
    const denials = deps.denials ?? createDenials({ ...deps, isTrustedProxy: this.isTrustedProxy });
    const settings = cachedSettings(deps.policy);
    this.services = {
      deps,
      hostname: config.hostname,
      limits,
      budget: new ByteBudget(limits.bufferedBytesMax),
      recorder: createRefusalRecorder(deps),
      denials,
      isClosing: () => this.isClosing,
      listenerSettings: settings,
      abuse: deps.abuse ?? createAbuseWatch({ denials, settings, clock: deps.clock }),
      delays: new ReplyDelays(limits.delayedRepliesMax),
      peerSources: peerSources(deps, config.hostname, limits),
      content: deps.content ?? createContentServices({ ...deps, hostname: config.hostname }),
    };
    this.admission = new Admission(limits, (ip) => denials.isExempt(ip));
    this.probe = createLoopDelayProbe();
    this.shouldShed = createLoadShedding({
      loopDelayMs: deps.loopDelayMs ?? this.probe.delayMs,
      loopDelayMaxMs: limits.loopDelayMaxMs,
      journalOverloaded: deps.journalOverloaded ?? (() => false),
      onOverload: (cause) => {
        deps.log.warn({ cause }, "shedding load: new connections are told 421");
        deps.onOverload?.(cause);
      },
    });
    this.sweepTimer = setInterval(() => this.sweep(), limits.sweepIntervalMs);
    this.sweepTimer.unref();
  }

  async open(kind: "mx" | "submission", port: number | undefined, isImplicitTls: boolean): Promise<number | undefined> {
    if (port === undefined) return undefined;
    const { services, isTrustedProxy, admission, shouldShed } = this;
    const { deps, limits, denials, hostname } = services;
    const onFault = (error: unknown): void => deps.log.error({ err: error }, "SMTP connection failed");
    const server = new EdgeServer({
      hostname,
      isImplicitTls,
      limits,
      tlsContext: deps.tlsContext,
      banner: () => deps.policy.current().listener().smtpBanner,
      isClosing: services.isClosing,
      authenticate: authenticateSession,
      admit: (session) => admit(session),
      onFault,
    });
    const listener = new Listener({
      isImplicitTls,
      isSubmission: kind === "submission",
      limits,
      admission,
      isTrustedProxy,
      denialOf: (ip) => denials.referenceOf(ip),
      shouldShed,
      tlsContext: deps.tlsContext,
      serve: (socket, peer) => this.serve(server, socket, { ...peer, kind }),
      onFault,
    });
    this.listeners.push(listener);
    return listener.listen(port, this.config.host);
  }

  private serve(server: EdgeServer, socket: Socket, peer: AdmittedPeer & { readonly kind: "mx" | "submission" }): void {
    const connection = new EdgeConnection(
      server,
      socket,
      peer,
      (wire, id) => new SmtpSession(this.services, { id, ip: peer.ip, listener: peer.kind }, wire),
    );
    this.connections.add(connection);
    const { connections } = this.services.deps.metrics;
    connections.inc({ protocol: peer.kind });
    connection.once("gone", () => {
      this.connections.delete(connection);
      connections.dec({ protocol: peer.kind });
      peer.left();
    });
  }

  private sweep(): void {
    const now = performance.now();
    for (const connection of this.connections) connection.sweep(now);
  }

  async close(): Promise<void> {
    this.isClosing = true;
    for (const listener of this.listeners) listener.stop();
    this.services.delays.endAll();
    for (const connection of this.connections) connection.shutDown();
    const deadline = performance.now() + this.services.limits.drainMs;
    // Those with a running transaction only: the others have had their 421.
    while ([...this.connections].some((each) => each.isRunning) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const connection of this.connections) connection.cut();
    // A peer that does not read its last reply cannot hold the shutdown.
    const force = setTimeout(() => {
      for (const connection of this.connections) connection.destroy();
    }, 500);
    await Promise.all(this.listeners.map((listener) => listener.destroy()));
    clearTimeout(force);
    clearInterval(this.sweepTimer);
    this.probe.stop();
    await this.services.recorder.close();
    if (this.services.deps.content === undefined) await this.services.content.close();
  }
}

function peerSources(deps: SmtpDeps, hostname: string, limits: SmtpLimits): PeerSources {
  const { directory, metrics, clock } = deps;
  const resolver = boundedResolver(deps.resolver, limits.lookUpMs);
  return {
    hostname,
    resolver,
    directory,
    metrics,
    peerChecksMs: limits.peerChecksMs,
    dnsLists: new DnsLists({ resolver, clock, queries: metrics.dnsListQueries }),
    counters: deps.counters ?? createRecipientCounters(clock.now()),
    greylist: deps.greylist ?? createGreylist(memoryGreylistStore(), randomBytes(32)),
  };
}

/** Listener settings are asked for at every transaction, and change with the policy only. */
function cachedSettings(source: PolicySource): () => ListenerSettings {
  let policy: CompiledPolicy | undefined;
  let settings: ListenerSettings | undefined;
  return () => {
    const current = source.current();
    if (settings === undefined || policy !== current) {
      policy = current;
      settings = current.listener();
    }
    return settings;
  };
}

/** The connect phase: a refusal that cannot wait is answered instead of the greeting. */
async function admit(session: SmtpSession): Promise<boolean> {
  if (!session.isReady) return true;
  return session.passes(await session.judge("connect", session.facts()));
}
