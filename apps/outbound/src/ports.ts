import type { DnsResolver } from "@mailfold/dns";
import type { Journal } from "@mailfold/journal";
import type { Clock, MessageId } from "@mailfold/kernel";
import type { Directory } from "@mailfold/projection-directory";
import type { Logger, Metrics } from "@mailfold/telemetry";

/** What the delivery workers need from the rest of the house. */
export interface OutboundDeps {
  readonly journal: Journal;
  readonly directory: Directory;
  readonly resolver: DnsResolver;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly newMessageId: () => MessageId;
  /** Ids of messages due at `now`, longest overdue first; at most `limit`. */
  readonly dueMessages: (now: number, limit: number) => readonly MessageId[];
  /** Who wrote, when the address is one that we made as the sender of mail sent on (SRS); undefined for all others. */
  readonly originalSender?: (address: string) => string | undefined;
  /** Messages not finished, for the gauge. */
  readonly waitingCount: () => number;
  /** False while views catch up: nothing is sent. */
  readonly ready: () => boolean;
}

export interface OutboundConfig {
  readonly hostname: string;
  readonly smarthost: { readonly host: string; readonly port: number } | undefined;
  readonly allowPrivate: boolean;
  readonly ownAddresses: readonly string[];
  /** Port of receiving servers; 25 outside tests. */
  readonly mxPort: number;
  /** Connections at once. */
  readonly concurrency: number;
  /** Connections to one destination at once. */
  readonly perDestination: number;
  /** Bytes of messages being delivered at once; one that is bigger goes alone. */
  readonly contentBytesMax: number;
  /** Waits between attempts, ms; the last repeats. */
  readonly retryDelaysMs: readonly number[];
  /** Connection, greeting and idle deadline, ms; a whole exchange gets five times as much. */
  readonly timeoutMs: number;
  /** How often to look for due messages, ms. */
  readonly pollMs: number;
}

const minute = 60_000;
export const defaultOutboundConfig = {
  mxPort: 25,
  concurrency: 50,
  perDestination: 5,
  contentBytesMax: 256 * 1024 * 1024,
  retryDelaysMs: [minute, 5 * minute, 15 * minute, 60 * minute, 180 * minute, 360 * minute],
  timeoutMs: 60_000,
  pollMs: 1_000,
} as const;
