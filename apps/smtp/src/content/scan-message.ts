import { performance } from "node:perf_hooks";
import type { Facts, ScanFact } from "@mailfold/policy";
import type { ScannerDown } from "@mailfold/scanners";
import type { ContentServices } from "./content-services.ts";
import type { InspectedMessage } from "./message-inspection.ts";

export type Scanner = "rspamd" | "clamav";

/** Symbols that a verdict's facts keep; the weightiest come first. */
const symbolsKept = 20;

/** Asks one scanner about a message; undefined when it is not configured. Ends within the client's deadline. */
export async function scanWith(
  services: ContentServices,
  scanner: Scanner,
  message: InspectedMessage,
  facts: Facts,
): Promise<ScanFact[Scanner]> {
  const startedAt = performance.now();
  const fact = await (scanner === "rspamd" ? askRspamd(services, message, facts) : askClamav(services, message));
  if (fact === undefined) return undefined;
  services.metrics.scans.inc({ scanner, outcome: fact.status });
  services.metrics.scanSeconds.observe({ scanner }, (performance.now() - startedAt) / 1_000);
  if (fact.status === "down") services.log.warn({ scanner, cause: fact.cause }, "a scanner gave no answer");
  return fact;
}

/** The answer when the time for the whole message has run out. */
export const outOfTime: ScannerDown = { status: "down", cause: "no time left for this message" };

/** The answer when our own client failed in a way it should not. */
export const brokenScanner: ScannerDown = { status: "down", cause: "internal error" };

async function askRspamd(
  { rspamd }: ContentServices,
  message: InspectedMessage,
  facts: Facts,
): Promise<ScanFact["rspamd"]> {
  if (rspamd === undefined) return undefined;
  const answer = await rspamd.scan(message.bytes, {
    from: facts.sender?.address ?? "",
    recipients: message.recipients,
    ip: facts.origin?.ip ?? facts.ip,
    helo: facts.helo ?? "",
    ...(facts.login === undefined ? {} : { user: facts.login.address }),
    queueId: message.transactionId,
  });
  if (answer.status === "down") return answer;
  const { score, action, symbols } = answer;
  return { status: "scanned", score, action, symbols: symbols.slice(0, symbolsKept).map(({ name }) => name) };
}

async function askClamav({ clamav }: ContentServices, message: InspectedMessage): Promise<ScanFact["clamav"]> {
  return clamav?.scan(message.bytes);
}
