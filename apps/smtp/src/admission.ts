import { denialPrefix } from "./ip-prefix.ts";
import { replies } from "./replies.ts";
import type { SmtpLimits } from "./smtp-config.ts";

/** Counts open connections, in all and per IPv4 address or IPv6 /64. */
export class Admission {
  private readonly perPrefix = new Map<string, number>();
  private total = 0;
  private readonly limits: SmtpLimits;
  private readonly isExempt: (ip: string) => boolean;

  constructor(limits: SmtpLimits, isExempt: (ip: string) => boolean) {
    this.limits = limits;
    this.isExempt = isExempt;
  }

  /**
   * A place among all connections; undefined = none left. Answers how to give it back, once. The last tenth is for the
   * `reserved` only: a flood on the MX must not keep customers from sending.
   */
  enter(isReserved: boolean): (() => void) | undefined {
    const { connectionsMax } = this.limits;
    if (this.total >= (isReserved ? connectionsMax : connectionsMax - Math.floor(connectionsMax / 10)))
      return undefined;
    this.total += 1;
    return once(() => {
      this.total -= 1;
    });
  }

  /** A place among those of one IP; undefined = none left. */
  enterAs(ip: string): (() => void) | undefined {
    const prefix = denialPrefix(ip);
    const count = this.perPrefix.get(prefix) ?? 0;
    if (count >= this.limits.connectionsPerIpMax && !this.isExempt(ip)) return undefined;
    this.perPrefix.set(prefix, count + 1);
    return once(() => {
      const left = (this.perPrefix.get(prefix) ?? 1) - 1;
      if (left <= 0) this.perPrefix.delete(prefix);
      else this.perPrefix.set(prefix, left);
    });
  }
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}

/** Reply of each cause to refuse a connection before its session. */
export const admissionReplies = {
  full: replies.connectionsFull,
  "ip-full": replies.connectionsOfIp,
  busy: replies.busy,
} as const;
