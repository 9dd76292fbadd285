import type { AuthenticationFact } from "../content-facts.ts";
import { type IpAddress, parseIp } from "../ip-address.ts";
import type { ListHits, ListView } from "../list-view.ts";
import type { ScopeChain } from "../policy-state.ts";
import type { Facts } from "../types.ts";
import type { SegmentReader } from "./fact-segment.ts";

/** Lower case without the root dot, as patterns are written. */
export function canonicalHost(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

export type Shape = NonNullable<Facts["content"]>;

/** The author as learned lists look him up, and the domain that the message proves. */
export function authorOf({ from }: Shape): string {
  return from[0]?.toLowerCase() ?? "";
}
export function provenOf({ dmarc }: AuthenticationFact): string {
  return `@${dmarc.domain}`;
}

/** All of a row that lists may name; lower case. */
interface RowNames {
  readonly ips: readonly IpAddress[];
  readonly hosts: readonly string[];
  readonly senders: readonly string[];
  readonly authors: readonly string[];
}

/** Reads what lists may name of a row; hosts and its author only where some list names such. */
export function namesIn(
  reader: SegmentReader,
  row: number,
  lists: { readonly listsAuthors: boolean; readonly listsHosts: boolean },
): RowNames {
  const sender = (reader.part("sender", row) as Facts["sender"])?.address.toLowerCase() ?? "";
  const origin = (reader.part("origin", row) as Facts["origin"])?.ip;
  const ips: IpAddress[] = [];
  for (const text of [reader.part("ip", row) as string, origin]) {
    const ip = text === undefined ? undefined : parseIp(text);
    if (ip !== undefined) ips.push(ip);
  }
  return {
    ips,
    hosts: lists.listsHosts ? hostsIn(reader, row) : [],
    senders: sender === "" ? [] : [sender],
    authors: lists.listsAuthors ? authorsIn(reader, row) : [],
  };
}

function hostsIn(reader: SegmentReader, row: number): readonly string[] {
  const host = reader.part("host", row) as Facts["host"];
  const helo = reader.part("helo", row) as string | undefined;
  const hosts: string[] = [];
  if (host?.status === "confirmed") hosts.push(canonicalHost(host.name));
  if (helo !== undefined) hosts.push(canonicalHost(helo));
  return hosts;
}

function authorsIn(reader: SegmentReader, row: number): readonly string[] {
  const shape = reader.part("shape", row) as Shape | undefined;
  const authentication = reader.part("authentication", row) as AuthenticationFact | undefined;
  return [
    ...(shape === undefined ? [] : [authorOf(shape)]),
    ...(authentication === undefined ? [] : [provenOf(authentication)]),
  ];
}

function isHit({ accept, denial, kill }: ListHits): boolean {
  return accept >= 0 || kill >= 0 || denial >= 0;
}

/** Whether lists along a chain name anything, expired entries included. */
export function isNamedIn(lists: ListView, chain: ScopeChain, { hosts, ips, senders }: RowNames): boolean {
  const always = Number.NEGATIVE_INFINITY;
  return chain.some((id) => {
    const shape = lists.shape(id);
    if (shape === undefined) return false;
    return (
      ips.some((ip) => isHit(lists.matchIp(shape, ip, always))) ||
      hosts.some((name) => isHit(lists.matchHost(shape, name, always))) ||
      senders.some((address) => isHit(lists.matchSender(shape, address, always)))
    );
  });
}
