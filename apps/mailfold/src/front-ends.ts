import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type OperationDeps, startApi } from "@mailfold/app-api";
import { startImap } from "@mailfold/app-imap";
import { defaultOutboundConfig, startOutbound } from "@mailfold/app-outbound";
import { srsRecipient, startHeldJudge, startSmtp } from "@mailfold/app-smtp";
import { eventCatalogue, redactSecrets } from "@mailfold/events";
import { newId, uuidV7 } from "@mailfold/ids";
import { outboundQueue } from "@mailfold/projection-outbound-queue";
import type { Authenticator } from "@mailfold/sasl";
import { createTlsContextProvider, ensureSelfSigned, type TlsContextProvider, type TlsMaterial } from "@mailfold/tls";
import { createAuthenticator } from "./authenticator.ts";
import type { Config } from "./config.ts";
import { parseHostPort } from "./config-variables.ts";
import { createDeliveredCopies } from "./delivered-copies.ts";
import { createOutboundQueue } from "./outbound-queue.ts";
import { openPeerDefence, type PeerDefence } from "./peer-defence.ts";
import type { PlatformParts } from "./platform-parts.ts";
import { followShadows } from "./running-shadows.ts";
import { type Health, watchHealth } from "./watch-health.ts";

/** Every role of this process, listening. */
export interface FrontEnds {
  readonly ports: Config["ports"];
  /** All roles at once: each has its own time to finish what runs, and the process has only so much for all. */
  close(): Promise<void>;
}

interface Shared {
  readonly parts: PlatformParts;
  readonly tls: TlsMaterial;
  readonly tlsContext: TlsContextProvider;
  readonly authenticator: Authenticator;
  readonly defence: PeerDefence;
  readonly health: Health;
  readonly adminTokenHash: string;
}

interface Role {
  readonly ports?: { readonly [Port in keyof Config["ports"]]?: number | undefined };
  close(): Promise<void>;
}

/** Starts SMTP, IMAP, API, the judge of held copies and the delivery workers. A failure closes what had started. */
export async function startFrontEnds(parts: PlatformParts, adminTokenHash: string): Promise<FrontEnds> {
  const { clock, log, metrics, config, directory, policy, rows, passwords } = parts;
  const { journal } = parts.stores;
  const tls = await ensureSelfSigned({ dir: join(parts.dataDir, "tls"), hostname: config.hostname, clock });
  const loopDelay = monitorEventLoopDelay({ resolution: 10 });
  loopDelay.enable();
  const defence = openPeerDefence(parts);
  const shared: Shared = {
    defence,
    parts,
    tls,
    tlsContext: createTlsContextProvider(tls, clock.now()),
    authenticator: createAuthenticator({
      directory,
      sealer: parts.keys,
      passwords,
      journal,
      clock,
      metrics,
      log,
      uuid: uuidV7,
      ready: parts.viewsReady,
      abuse: defence.byText,
    }),
    health: watchHealth({ rows, metrics, loopDelay, viewsReady: parts.viewsReady, policy }),
    adminTokenHash,
  };
  const roles: Role[] = [shared.health];
  const close = async () => {
    const closed = await Promise.allSettled(roles.map((role) => role.close()));
    loopDelay.disable();
    defence.close();
    for (const result of closed) if (result.status === "rejected") throw result.reason;
  };
  try {
    for (const start of [smtpRole, imapRole, apiRole, judgeRole, outboundRole]) roles.push(await start(shared));
  } catch (error) {
    await close();
    throw error;
  }
  return { ports: Object.assign({}, ...roles.map((role) => role.ports)) as Config["ports"], close };
}

/** What the API's operations run on; also used without HTTP, for the demo. */
export function operationDeps(parts: PlatformParts): OperationDeps {
  const { rows, directory, policy, passwords, resolver, log, clock, keys, waitForViews } = parts;
  const { journal } = parts.stores;
  return {
    journal,
    rows,
    directory,
    policy,
    sealer: keys,
    idSecret: keys.secret("ids"),
    passwords,
    resolver,
    log,
    clock,
    mime: parts.mime,
    ruleContent: parts.contentParts.ruleTests,
    copiesOf: createDeliveredCopies(parts.folds),
    waitForViews,
  };
}

async function smtpRole({ parts, authenticator, defence, tlsContext }: Shared): Promise<Role> {
  const { config, policy, directory, resolver, log, metrics, clock } = parts;
  const { host, hostname, trustedProxies, ports } = config;
  const shadows = followShadows(parts.rows, { clock, log });
  const smtp = await startSmtp(
    {
      journal: parts.stores.journal,
      policy,
      directory,
      authenticator,
      resolver,
      log,
      metrics,
      clock,
      tlsContext,
      readiness: parts.viewsReady,
      denials: defence.denials,
      abuse: defence.abuse,
      greylist: defence.greylist,
      counters: defence.counters,
      shadows,
      content: parts.contentParts.content,
      forwarding: parts.contentParts.forwarding,
    },
    {
      host,
      hostname,
      trustedProxies,
      ports: { mx: ports.smtp, submission: ports.submission, submissions: ports.submissions },
    },
  );
  const { mx, submission, submissions } = smtp.ports;
  return {
    ports: { smtp: mx, submission, submissions },
    async close() {
      await smtp.close();
      await shadows.close();
    },
  };
}

function imapRole({ parts, authenticator, defence, tlsContext }: Shared): Promise<Role> {
  const { config, folds, mime, policy, directory, log, metrics, clock } = parts;
  const { host, hostname, trustedProxies, ports } = config;
  return startImap(
    {
      journal: parts.stores.journal,
      folds,
      authenticator,
      mime,
      log,
      metrics,
      clock,
      ids: { newId, uuidV7 },
      tls: tlsContext,
      policy,
      directory,
      readiness: parts.viewsReady,
      isDenied: defence.denials.isDenied,
      denialReference: defence.denials.referenceOf,
    },
    { host, hostname, trustedProxies, ports: { imap: ports.imap, imaps: ports.imaps } },
  );
}

function apiRole({ parts, tls, defence, health, adminTokenHash }: Shared): Promise<Role> {
  const { config, metrics, stores } = parts;
  const versions = eventCatalogue as Readonly<Record<string, { readonly version: number }>>;
  return startApi(
    {
      ...operationDeps(parts),
      metrics,
      peerAbuse: defence.byText,
      sealRecord: parts.contentParts.sealRecord,
      readiness: health.readiness,
      redactSecrets,
      versionOf: (type) => versions[type]?.version ?? 1,
      simulations: parts.simulations,
      ...(stores.backup === undefined ? {} : { backup: stores.backup }),
      tlsContext: tls,
      adminTokenHash,
    },
    {
      host: config.host,
      trustedProxies: config.trustedProxies,
      ports: { http: config.ports.http, https: config.ports.https },
    },
  );
}

async function judgeRole({ parts, defence }: Shared): Promise<Role> {
  const { policy, directory, clock, log, contentParts } = parts;
  const { content, forwarding } = contentParts;
  const { journal } = parts.stores;
  const readiness = parts.viewsReady;
  const { counters } = defence;
  return startHeldJudge({ journal, policy, directory, clock, log, readiness, content, forwarding, counters });
}

/** For tests that wait for a retry: MAILFOLD_TEST_RETRY_MS is the wait between all attempts; unset outside tests. */
function testRetries(): { readonly retryDelaysMs?: readonly number[] } {
  const delayMs = Number(process.env.MAILFOLD_TEST_RETRY_MS);
  return delayMs > 0 ? { retryDelaysMs: [delayMs] } : {};
}

async function outboundRole({ parts }: Shared): Promise<Role> {
  const { config, directory, resolver, log, metrics, clock, rows } = parts;
  const { hostname, host, smarthost } = config;
  const { forwarding } = parts.contentParts;
  const outbound = startOutbound(
    {
      journal: parts.stores.journal,
      directory,
      resolver,
      log,
      metrics,
      clock,
      ready: parts.viewsReady,
      originalSender: (address) => srsRecipient(forwarding, address, clock.now()),
      ...createOutboundQueue(rows),
    },
    {
      ...defaultOutboundConfig,
      ...testRetries(),
      hostname,
      smarthost: smarthost === undefined ? undefined : parseHostPort(smarthost),
      allowPrivate: config.outboundAllowPrivate,
      ownAddresses: [host],
    },
  );
  const unlisten = rows.onAdvance((projection) => {
    if (projection === outboundQueue.name) outbound.kick();
  });
  return {
    async close() {
      unlisten();
      await outbound.close();
    },
  };
}
