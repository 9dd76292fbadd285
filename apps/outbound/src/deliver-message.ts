import type { RecipientResult } from "@mailfold/events";
import type { AddressGuard } from "./address-guard.ts";
import type { DestinationSlots } from "./destination-slots.ts";
import { type Exchanger, findRoute } from "./mail-exchangers.ts";
import { normaliseLineEnds } from "./normalise-line-ends.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import type { OutboundConfig, OutboundDeps } from "./ports.ts";
import { deliverTo, type Handover, type HandoverResult } from "./smtp-delivery.ts";

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
}

/** Tries every pending recipient once, destination by destination; a slow one does not hold the others up. Never throws. */
export async function deliverMessage(
  context: DeliveryContext,
  message: OutboundMessage,
): Promise<readonly DestinationOutcome[]> {
  const body = await context.deps.journal.bodies.read(message.queued.body);
  if (body === undefined) {
    const lost = {
      outcome: "failed",
      code: 554,
      enhancedCode: "5.3.0",
      text: "the message body is no longer there",
    } as const;
    return [{ host: "local", tls: "none", results: message.pending.map((recipient) => ({ recipient, ...lost })) }];
  }
  const prefix = new TextEncoder().encode(message.queued.prefix);
  const whole = new Uint8Array(prefix.length + body.length);
  whole.set(prefix);
  whole.set(body, prefix.length);
  const bytes = normaliseLineEnds(whole);
  const groups = groupByDomain(message.pending, context.config.smarthost !== undefined);
  return Promise.all(
    [...groups].map(([domain, recipients]) =>
      deliverToDomain(context, domain, { ...envelopeOf(message), recipients, message: bytes }),
    ),
  );
}

function envelopeOf(message: OutboundMessage): Pick<Handover, "sender" | "eightBit"> {
  return { sender: message.queued.sender, eightBit: message.queued.eightBit };
}

/** RFC 5321 allows one connection for all recipients of a domain; a smarthost takes all of them. */
function groupByDomain(recipients: readonly string[], together: boolean): ReadonlyMap<string, readonly string[]> {
  return Map.groupBy(recipients, (recipient) =>
    together ? "smarthost" : recipient.slice(recipient.lastIndexOf("@") + 1).toLowerCase(),
  );
}

async function deliverToDomain(
  context: DeliveryContext,
  domain: string,
  handover: Handover,
): Promise<DestinationOutcome> {
  const { config, guard, deps } = context;
  const release = await context.slots.take(domain);
  try {
    const route = await findRoute(domain, {
      resolver: deps.resolver,
      guard,
      port: config.mxPort,
      smarthost: config.smarthost,
    });
    if (route.status !== "found") {
      const { status, enhancedCode, text } = route;
      const results = handover.recipients.map((recipient) => ({ recipient, outcome: status, enhancedCode, text }));
      return { host: domain, tls: "none", results };
    }
    return await tryExchangers(context, route.exchangers, handover);
  } catch (error) {
    deps.log.error({ err: error, domain }, "delivery attempt failed inside");
    const text = "internal error while delivering";
    return {
      host: domain,
      tls: "none",
      results: handover.recipients.map((recipient) => ({ recipient, outcome: "deferred", text })),
    };
  } finally {
    release();
  }
}

async function tryExchangers(
  context: DeliveryContext,
  exchangers: readonly Exchanger[],
  handover: Handover,
): Promise<DestinationOutcome> {
  const { config } = context;
  let last: DestinationOutcome = { host: "none", tls: "none", results: [] };
  for (const exchanger of exchangers) {
    for (const ip of exchanger.ips) {
      const peer = {
        host: exchanger.host,
        ip,
        port: exchanger.port,
        helo: config.hostname,
        timeoutMs: config.timeoutMs,
      };
      const result: HandoverResult = await deliverTo(peer, handover);
      last = { host: exchanger.host, ip, tls: result.tls, results: result.results };
      if (!result.unreachable) return last;
    }
  }
  return last;
}
