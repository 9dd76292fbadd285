import type { ListingScope, ListingSubject } from "@mailfold/domain";
import type { ListingId } from "@mailfold/kernel";
import { formatIpPrefix, parseIp, parseIpPrefix, prefixOf } from "./ip-address.ts";
import type { ListKey, ListName } from "./list-store.ts";
import type { ListView } from "./list-view.ts";
import type { PolicyState } from "./policy-state.ts";
import type { Facts } from "./types.ts";

/** Names a learned listing: a scope has at most one of a subject. */
export interface ListingKey {
  readonly scope: ListingScope;
  /** Null where the tenant's key was erased: then it names nothing. */
  readonly subject: ListingSubject | null;
}
/** A learned listing to put in force, as SenderListed has it. */
export interface ListingInput extends ListingKey {
  readonly listingId: ListingId;
  readonly action: "defer" | "reject";
  /** Milliseconds since the epoch: from then on it does nothing, whether or not an event has said so. */
  readonly expiresAt: number;
  readonly byEvent: string;
}

/** The packed store has lists of its own names: what refuses is like a kill entry, what defers like a denial for a time. */
const listOf: Readonly<Record<ListingInput["action"], ListName>> = { reject: "kill", defer: "denial" };

function keysOf({ scope, subject }: ListingKey): Omit<ListKey, "list"> | undefined {
  if (subject === null) return undefined;
  const { kind, value } = subject;
  if (kind === "domain") return { scope, kind: "domain", text: value };
  if (kind === "sender") return { scope, kind: "address", text: value };
  const prefix = parseIpPrefix(value);
  if ("problem" in prefix) return undefined;
  return { scope, kind: prefix.family === 4 ? "ipv4" : "ipv6", prefix };
}

/** A subject's value as listings are looked up by it; one that this code cannot read as it is. */
export function canonicalSubject(value: string): string {
  const prefix = parseIpPrefix(value);
  return "problem" in prefix ? value : formatIpPrefix(prefix);
}

/** Values, as canonicalSubject writes them, of all subjects whose listings may matter to facts. */
export function subjectsIn(facts: Facts): readonly string[] {
  const values: string[] = [];
  for (const text of [facts.ip, facts.origin?.ip]) {
    const ip = text === undefined ? undefined : parseIp(text);
    if (ip === undefined) continue;
    const lengths = ip.family === 4 ? [32, 24] : [64, 56];
    for (const length of lengths) values.push(formatIpPrefix(prefixOf(ip, length)));
  }
  const domain = facts.content?.authentication?.dmarc.domain ?? "";
  const author = facts.content?.from[0]?.toLowerCase();
  return [...values, ...(domain === "" ? [] : [domain]), ...(author === undefined ? [] : [author])];
}

/** Ids of one shape are packed: a listing's differs from an entry's by its first letters. */
const packed = (listingId: string): string => listingId.replace(/^lst_/, "sle_");
/** The listing id of a row. */
export const listingIdAt = (learned: ListView, row: number): string => learned.entryId(row).replace(/^sle_/, "lst_");

/** Puts a listing in force; one of the same scope and subject is replaced. A subject that this code cannot read has no effect. */
export function listingAdded(state: PolicyState, input: ListingInput): PolicyState {
  const { byEvent, action, expiresAt, listingId } = input;
  const key = keysOf(input);
  if (key === undefined) return { ...state, revision: byEvent };
  const other = listOf[action === "reject" ? "defer" : "reject"];
  const learned = state.learned.without({ ...key, list: other }).with({
    ...key,
    list: listOf[action],
    entryId: packed(listingId),
    byEvent,
    expiresAt,
    trustUnverified: false,
    namesPeer: false,
  });
  return { ...state, learned, revision: byEvent };
}

/** Takes the listing of a subject out of force; nothing happens when there is none. */
export function listingRemoved(state: PolicyState, named: ListingKey, byEvent: string): PolicyState {
  const key = keysOf(named);
  if (key === undefined) return { ...state, revision: byEvent };
  const learned = state.learned.without({ ...key, list: "kill" }).without({ ...key, list: "denial" });
  return { ...state, learned, revision: byEvent };
}
