import { performance } from "node:perf_hooks";
import type { DnsAnswer, DnsResolver } from "@mailfold/dns";

/** Time for all that one phase waits for; it runs from the first wait. */
export class TimeBudget {
  private readonly totalMs: number;
  private endsAt: number | undefined;

  constructor(totalMs: number) {
    this.totalMs = totalMs;
  }

  /** The promised value, or `late` when the budget ends first. */
  within<T>(promise: Promise<T>, late: () => T): Promise<T> {
    this.endsAt ??= performance.now() + this.totalMs;
    return before(promise, Math.max(0, this.endsAt - performance.now()), late);
  }
}

/** The promised value, or `late` after a wait. */
async function before<T>(promise: Promise<T>, waitMs: number, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late()), waitMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** A resolver whose every look-up answers in time, and whose faults are failed look-ups. */
export function boundedResolver(resolver: DnsResolver, lookUpMs: number): DnsResolver {
  const bounded = <T>(look: Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> => {
    const failed = (cause: string): DnsAnswer<T> => ({ status: "failed", cause });
    const answer = look.catch((error: unknown) => failed(String(error)));
    return before(answer, lookUpMs, () => failed(`no answer in ${lookUpMs} ms`));
  };
  const { addressRecords, cname } = resolver;
  return {
    mx: (name) => bounded(resolver.mx(name)),
    addresses: (name, family) => bounded(resolver.addresses(name, family)),
    txt: (name) => bounded(resolver.txt(name)),
    ptr: (ip) => bounded(resolver.ptr(ip)),
    ...(addressRecords && { addressRecords: (name: string) => bounded(addressRecords.call(resolver, name)) }),
    ...(cname && { cname: (name: string) => bounded(cname.call(resolver, name)) }),
  };
}
