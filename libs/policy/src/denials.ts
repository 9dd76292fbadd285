import { type IpAddress, isLoopback } from "./ip-address.ts";
import type { PolicyState } from "./policy-state.ts";

/** A denial in force. */
export interface Denial {
  /** ms since the epoch */
  readonly until: number;
  readonly reason: string;
  readonly byEvent: string;
}

/**
 * Whether an IP is not denied at an instant (ms since the epoch): this machine, the platform's own relayAddresses, and IPs
 * in its accept list. Trusted proxies the edge knows.
 */
export function isExempt(state: PolicyState, ip: IpAddress, at: number): boolean {
  if (isLoopback(ip)) return true;
  const shape = state.lists.shape("platform");
  if (shape === undefined) return false;
  const { accept, relay } = state.lists.matchIp(shape, ip, at);
  return accept >= 0 || relay >= 0;
}

/** The denial of an IP in force at an instant, unless the IP is exempt. */
export function denialOf(state: PolicyState, ip: IpAddress, at: number): Denial | undefined {
  const shape = state.denials.shape("platform");
  if (!shape) return undefined;
  const row = state.denials.matchIp(shape, ip, at).denial;
  if (row < 0 || isExempt(state, ip, at)) return undefined;
  const reason = state.denialReasons[Number(state.denials.entryId(row))] ?? "abuse";
  return { until: state.denials.expiresAt(row), reason, byEvent: state.denials.byEvent(row) };
}
