import type { RecipientResult } from "@mailfold/events";
import type { AddressGuard } from "./address-guard.ts";
import type { ByteRoom } from "./byte-room.ts";
import type { DestinationSlots } from "./destination-slots.ts";
import { type Exchanger, findRoute } from "./mail-exchangers.ts";
import type { MessageContent } from "./message-content.ts";
import { normaliseLineEnds } from "./normalise-line-ends.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import type { OutboundConfig, OutboundDeps } from "./ports.ts";
import { createSharedContent, type SharedContent } from "./shared-content.ts";
import { deliverTo, type Handover, type HandoverResult } from "./smtp-delivery.ts";
import type { UnreachableDestinations } from "./unreachable-destinations.ts";

/** One attempt's outcome towards one destination. */
export interface DestinationOutcome {
  readonly host: string;
  readonly ip?: string;
  readonly tls: "none" | "opportunistic";
  readonly results: readonly RecipientResult[];
}

export interface DeliveryContext {
  readonly deps: OutboundDeps;
  readonly config: OutboundConfig;
  readonly guard: AddressGuard;
  readonly slots: DestinationSlots;
  /** Bounds the contents held in memory at once. */
  readonly room: ByteRoom;
  readonly unreachable: UnreachableDestinations;
  /** True once the workers are told to stop: nothing new is begun. */
  readonly isStopped: () => boolean;
}

/** A message on its way to one destination. Its content is read once a slot is free: who waits for one holds no memory. */
interface Parcel {
  readonly message: OutboundMessage;
  readonly recipients: readonly string[];
  readonly content: SharedContent<MessageContent | undefined>;
}

/**
 * Tries every pending recipient once, destination by destination, and hands each outcome to `record` at once: a slow
 * destination holds neither other messages up nor what is known of this one's others. Destinations not reached when the
 * workers stop are not tried. Throws what `record` throws, after all destinations are done.
 */
export async function deliverMessage(
  context: DeliveryContext,
  message: OutboundMessage,
  record: (outcome: DestinationOutcome) => Promise<void>,
): Promise<void> {
  const { prefix, body } = message.queued;
  const content = createSharedContent(context.room, {
    sizeBytes: Buffer.byteLength(prefix) + body.sizeBytes,
    read: () => contentOf(context, message),
  });
  const groups = groupByDomain(message.pending, context.config.smarthost !== undefined);
  const done = await Promise.allSettled(
    [...groups].map(async ([domain, recipients]) => {
      const outcome = await deliverToDomain(context, domain, { message, recipients, content });
      if (outcome !== undefined) await record(outcome);
    }),
  );
  for (const each of done) if (each.status === "rejected") throw each.reason;
}

async function contentOf({ deps }: DeliveryContext, { queued }: OutboundMessage): Promise<MessageContent | undefined> {
  const body = await deps.journal.bodies.read(queued.body);
  // Two parts, as putting them together would need the room twice.
  return body && [normaliseLineEnds(new TextEncoder().encode(queued.prefix)), normaliseLineEnds(body)];
}

/** RFC 5321 allows one connection for all recipients of a domain; a smarthost takes all of them. */
function groupByDomain(recipients: readonly string[], together: boolean): ReadonlyMap<string, readonly string[]> {
  return Map.groupBy(recipients, (recipient) =>
    together ? "smarthost" : recipient.slice(recipient.lastIndexOf("@") + 1).toLowerCase(),
  );
}

/** An outcome that all recipients of a destination share, without a connection. */
function outcomeOfAll(
  host: string,
  recipients: readonly string[],
  result: Omit<RecipientResult, "recipient">,
): DestinationOutcome {
  return { host, tls: "none", results: recipients.map((recipient) => ({ recipient, ...result })) };
}

async function deliverToDomain(
  context: DeliveryContext,
  domain: string,
  parcel: Parcel,
): Promise<DestinationOutcome | undefined> {
  const { deps } = context;
  const release = await context.slots.take(domain);
  try {
    return context.isStopped() ? undefined : await attemptDomain(context, domain, parcel);
  } catch (error) {
    deps.log.error({ err: error, domain }, "delivery attempt failed inside");
    const text = "internal error while delivering";
    return outcomeOfAll(domain, parcel.recipients, { outcome: "deferred", text });
  } finally {
    release();
  }
}

async function attemptDomain(
  context: DeliveryContext,
  domain: string,
  { message, recipients, content }: Parcel,
): Promise<DestinationOutcome | undefined> {
  const { config, guard, deps, unreachable } = context;
  const text = unreachable.why(domain, deps.clock.now());
  if (text !== undefined) return outcomeOfAll(domain, recipients, { outcome: "deferred", enhancedCode: "4.4.1", text });
  const { resolver } = deps;
  const { hostname, mxPort: port, smarthost } = config;
  const route = await findRoute(domain, { resolver, guard, port, hostname, smarthost });
  if (route.status !== "found") {
    const { status: outcome, enhancedCode, text } = route;
    return outcomeOfAll(domain, recipients, { outcome, enhancedCode, text });
  }
  const lease = await content.take();
  try {
    // It may have waited for room.
    if (context.isStopped()) return undefined;
    return await attemptRoute(context, {
      domain,
      exchangers: route.exchangers,
      message,
      recipients,
      bytes: lease.content,
    });
  } finally {
    lease.release();
  }
}

async function attemptRoute(
  { config, deps, unreachable }: DeliveryContext,
  {
    domain,
    exchangers,
    message,
    recipients,
    bytes,
  }: {
    readonly domain: string;
    readonly exchangers: readonly Exchanger[];
    readonly message: OutboundMessage;
    readonly recipients: readonly string[];
    readonly bytes: MessageContent | undefined;
  },
): Promise<DestinationOutcome> {
  if (bytes === undefined) {
    const text = "the message body is no longer there";
    return outcomeOfAll("local", recipients, { outcome: "failed", code: 554, enhancedCode: "5.3.0", text });
  }
  const { sender, eightBit, smtpUtf8 } = message.queued;
  const handover = { sender, eightBit, smtpUtf8, recipients, message: bytes };
  const { isUnreachable, ...outcome } = await tryExchangers(config, exchangers, handover);
  const [first] = outcome.results;
  if (isUnreachable && first?.outcome === "deferred") {
    const until = deps.clock.now() + (config.retryDelaysMs[0] ?? 0);
    unreachable.add(domain, {
      until,
      text: `not tried, as ${outcome.host} did not answer shortly before: ${first.text}`,
    });
  }
  return outcome;
}

type ExchangerOutcome = DestinationOutcome & { readonly isUnreachable: boolean };

/** Hosts that cannot be talked to are passed over until these many time-outs have gone by. */
const timeoutsMax = 5;

async function tryExchangers(
  config: OutboundConfig,
  exchangers: readonly Exchanger[],
  handover: Handover,
): Promise<ExchangerOutcome> {
  const giveUpAt = performance.now() + config.timeoutMs * timeoutsMax;
  let last: ExchangerOutcome = { host: "none", tls: "none", results: [], isUnreachable: true };
  for (const { host, ip, port } of exchangers.flatMap(({ ips, ...each }) => ips.map((ip) => ({ ...each, ip })))) {
    if (last.results.length > 0 && performance.now() > giveUpAt) break;
    const peer = { host, ip, port, helo: config.hostname, timeoutMs: config.timeoutMs };
    const result: HandoverResult = await deliverTo(peer, handover);
    const outcome = { host, ip, tls: result.tls, results: result.results, isUnreachable: result.unreachable };
    if (!result.unreachable) return outcome;
    // A host that is away now may take the mail later: another one's refusal to talk at all does not end that.
    if (last.results[0]?.outcome !== "deferred") last = outcome;
  }
  return last;
}
