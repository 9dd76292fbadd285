import { createHmac } from "node:crypto";
import type { GreylistFact } from "@mailfold/policy";
import ipaddr from "ipaddr.js";
import { getDomain } from "tldts";

const dayMs = 86_400_000;
/** A sender that never came back is forgotten after a day; one that passed, 36 days after its last mail (a monthly letter keeps it). */
const waitingKeptMs = dayMs;
const passedKeptMs = 36 * dayMs;

export interface GreylistEntry {
  readonly firstSeenAt: number;
  readonly isPassed: boolean;
  /** ms since the epoch; an expired entry counts as none. */
  readonly expiresAt: number;
}

/** Where combinations are kept, by hash. Bounded; losing the last second, or all of it, only makes senders wait again. */
export interface GreylistStore {
  get(key: string): GreylistEntry | undefined;
  put(key: string, entry: GreylistEntry): void;
}

/** A peer that wants to send. */
interface GreylistTry {
  readonly ip: string;
  /** Canonical; "" = null sender. */
  readonly sender: string;
  /** Canonical address. */
  readonly recipient: string;
  /** ms since the epoch. */
  readonly at: number;
}

interface GreylistWait extends GreylistTry {
  /** Forward-confirmed name of the peer, when it has one. */
  readonly hostName: string | undefined;
  readonly delaySeconds: number;
}

/** Lets a combination of sending network or domain, sender and recipient in once it has waited and come again. */
export interface Greylist {
  /** The fact when the network alone has passed already, so that no name need be looked up. */
  known(tried: GreylistTry): GreylistFact | undefined;
  /** Notes the try; a pool that comes back from another address of its network or its domain goes on waiting where it was. */
  check(wait: GreylistWait): GreylistFact;
}

/** `secret`: key of the hashes, so that a stolen file tells nobody's correspondents. */
export function createGreylist(store: GreylistStore, secret: Buffer): Greylist {
  const hash = (origin: string, tried: GreylistTry): string =>
    createHmac("sha256", secret)
      .update(`${origin}\0${senderShape(tried.sender)}\0${tried.recipient}`)
      .digest("hex")
      .slice(0, 32);
  const live = (key: string, at: number): GreylistEntry | undefined => {
    const entry = store.get(key);
    return entry !== undefined && entry.expiresAt > at ? entry : undefined;
  };
  const pass = (keys: readonly string[], firstSeenAt: number, at: number): void => {
    for (const key of keys) store.put(key, { firstSeenAt, isPassed: true, expiresAt: at + passedKeptMs });
  };
  return {
    known(tried) {
      const key = hash(networkOf(tried.ip), tried);
      const entry = live(key, tried.at);
      if (!entry?.isPassed) return undefined;
      pass([key], entry.firstSeenAt, tried.at);
      return { status: "known", firstSeenAt: entry.firstSeenAt };
    },
    check(wait) {
      const { at, hostName } = wait;
      const domain = hostName === undefined ? undefined : organisation(hostName);
      const keys = [networkOf(wait.ip), ...(domain === undefined ? [] : [domain])].map((origin) => hash(origin, wait));
      const entries = keys.map((key) => live(key, at)).filter((entry) => entry !== undefined);
      const firstSeenAt = Math.min(at, ...entries.map((entry) => entry.firstSeenAt));
      if (entries.some((entry) => entry.isPassed)) {
        pass(keys, firstSeenAt, at);
        return { status: "known", firstSeenAt };
      }
      if (entries.length > 0 && at - firstSeenAt >= wait.delaySeconds * 1_000) {
        pass(keys, firstSeenAt, at);
        return { status: "passed", firstSeenAt };
      }
      const waiting = { firstSeenAt, isPassed: false, expiresAt: firstSeenAt + waitingKeptMs };
      for (const key of keys) store.put(key, waiting);
      return { status: entries.length > 0 ? "early" : "new", firstSeenAt };
    },
  };
}

/** IPv4 /24, IPv6 /56: what one sender's machines usually share. */
function networkOf(ip: string): string {
  const address = ipaddr.process(ip);
  return Buffer.from(address.toByteArray().slice(0, address.kind() === "ipv4" ? 3 : 7)).toString("hex");
}

/**
 * The domain that somebody registered, by the public suffix list; hosts of one provider's customers stay apart. A peer vouches for
 * its own domain only: its name was confirmed forward.
 */
function organisation(hostName: string): string | undefined {
  return getDomain(hostName, { allowPrivateDomains: true }) ?? undefined;
}

/** Lists put a number or a hash of the recipient into the sender of each message: the shape stays. */
function senderShape(sender: string): string {
  const at = sender.lastIndexOf("@");
  return sender.slice(0, Math.max(0, at)).replace(/[0-9a-f]*[0-9][0-9a-f]*/gi, "#") + sender.slice(Math.max(0, at));
}

/** Combinations in memory: tests, and a platform without a data directory. The one put longest ago goes first. */
export function memoryGreylistStore(entriesMax = 100_000): GreylistStore {
  const entries = new Map<string, GreylistEntry>();
  return {
    get: (key) => entries.get(key),
    put(key, entry) {
      entries.delete(key);
      for (const oldest of entries.keys()) {
        if (entries.size < entriesMax) break;
        entries.delete(oldest);
      }
      entries.set(key, entry);
    },
  };
}
