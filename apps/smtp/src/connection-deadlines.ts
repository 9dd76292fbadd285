import { performance } from "node:perf_hooks";
import { replies } from "./replies.ts";
import type { SmtpLimits } from "./smtp-config.ts";

/** What the sweep sees of a connection. */
export interface ConnectionState {
  readonly isUpgrading: boolean;
  /** A command is being answered: the peer waits for us. */
  readonly isBusy: boolean;
  readonly isInMessage: boolean;
  /** Octets of the message so far. */
  readonly messageBytes: number;
  /** Octets of replies that the peer has not taken yet. */
  readonly unsentBytes: number;
}

/** Reply to close with, `destroy` when nothing can be said, undefined when all is well. */
export type DeadlineOutcome = string | "destroy" | undefined;

/** The waits of one connection, by the monotonic clock. Octets that trickle in extend none of them. */
export class ConnectionDeadlines {
  private readonly limits: SmtpLimits;
  private readonly startedAt = performance.now();
  private waitingSince = performance.now();
  private messageSince = 0;
  private upgradingSince = 0;
  private blockedSince: number | undefined;

  constructor(limits: SmtpLimits) {
    this.limits = limits;
  }

  /** From now on the peer owes a command. */
  waitsForCommand(): void {
    this.waitingSince = performance.now();
  }
  messageStarts(): void {
    this.messageSince = performance.now();
  }
  upgradeStarts(): void {
    this.upgradingSince = performance.now();
  }

  /** `now` by performance.now(). */
  check(now: number, state: ConnectionState): DeadlineOutcome {
    const { limits } = this;
    if (state.isUpgrading) return now - this.upgradingSince > limits.handshakeTimeoutMs ? "destroy" : undefined;
    if (state.unsentBytes === 0) this.blockedSince = undefined;
    else this.blockedSince ??= now;
    if (this.blockedSince !== undefined && now - this.blockedSince > limits.writeTimeoutMs) return "destroy";
    if (state.isBusy) return undefined;
    if (now - this.startedAt > limits.sessionMaxMs) return replies.sessionTooLong;
    if (state.isInMessage) return this.isTooSlow(now, state.messageBytes) ? replies.tooSlow : undefined;
    return now - this.waitingSince > limits.commandTimeoutMs ? replies.timeout : undefined;
  }

  private isTooSlow(now: number, bytes: number): boolean {
    const { dataMaxMs, dataGraceMs, dataMinBytesPerSecond } = this.limits;
    const elapsedMs = now - this.messageSince;
    return elapsedMs > dataMaxMs || bytes < ((elapsedMs - dataGraceMs) / 1_000) * dataMinBytesPerSecond;
  }
}
