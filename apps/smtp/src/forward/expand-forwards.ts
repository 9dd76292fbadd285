import type { Facts, RecipientFact } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { recipientFact } from "../directory-facts.ts";
import { classifyAddress } from "../envelope-address.ts";
import type { Judged } from "../judge.ts";
import type { ChargeForward } from "./charge-forward.ts";

/** Who gets a message in the end: recipients and those of ours that it is sent on to, and addresses elsewhere. */
export interface Expanded {
  readonly judged: readonly Judged[];
  /** Addresses elsewhere that a recipient's copy is sent on to. */
  readonly sentOn: ReadonlyMap<Judged, readonly string[]>;
  /** Recipients that keep no copy, since all of it is sent on. */
  readonly redirected: ReadonlySet<Judged>;
}

export interface ExpandInput {
  readonly judged: readonly Judged[];
  readonly directory: Directory;
  /** Whether mail may be sent to addresses elsewhere; without keys for it, it may not. */
  readonly maySendOut: boolean;
  /** Asked for each address elsewhere; absent: only this message's own limit counts. */
  readonly charge?: ChargeForward | undefined;
  /** The data phase for a recipient of ours that was not in the envelope. */
  judge(facts: Facts): Promise<Judged>;
}

/** Targets of one recipient; of one message, recipients of ours that it may gain, and addresses elsewhere. */
const targetsMax = 20;
const gainedMax = 100;
const outsideMax = 100;
/** Hops after which mail is not sent on any more: it goes round, or nearly. */
const receivedMax = 50;

/**
 * Follows forward and redirect. A target of ours is judged like a recipient, by its own tenant's policy, and its own rules
 * may send on in turn; nobody gets the message twice. Mail that is held, refused or junk stays where it is, and so does a copy
 * with an address that a limit leaves out.
 */
export async function expandForwards(input: ExpandInput): Promise<Expanded> {
  const paths = new Paths(input.judged);
  // Recipients gained are at the end of the list, so they are followed, too.
  for (const each of paths.judged) {
    const own = addressOf(each);
    const wishes = wishesOf(each, input.directory);
    for (const target of wishes.targets) {
      if (target === own || paths.follows(each, target)) continue;
      const found = recipientFact(input.directory, target);
      if (found.kind === "foreign" && input.maySendOut) {
        if (paths.outside < outsideMax && input.charge?.(accountOf(each), each.facts.at) !== false)
          paths.send(each, target);
        else paths.keep(each);
      }
      if (found.kind !== "local") continue;
      if (paths.judged.length - input.judged.length >= gainedMax) paths.keep(each);
      else paths.gain(each, await input.judge(factsFor(each.facts, target, found)));
    }
    if (!wishes.keep && !wishes.targets.includes(own)) paths.redirecting.add(each);
  }
  return paths.expanded();
}

/** Which copy goes where. */
class Paths {
  readonly judged: Judged[];
  /** Recipients whose rules keep no copy. */
  readonly redirecting = new Set<Judged>();
  /** Recipients that keep their copy whatever their rules say. */
  private readonly keeping = new Set<Judged>();
  private readonly byAddress: Map<string, Judged | undefined>;
  private readonly sentOn = new Map<Judged, string[]>();
  private readonly next = new Map<Judged, Judged[]>();

  constructor(judged: readonly Judged[]) {
    this.judged = [...judged];
    this.byAddress = new Map(judged.map((each) => [addressOf(each), each]));
  }

  /** Whether the target gets the message anyway; then this copy's way leads there. */
  follows(from: Judged, target: string): boolean {
    if (!this.byAddress.has(target)) return false;
    const to = this.byAddress.get(target);
    // One elsewhere is sent to once, on somebody else's behalf: should that fail, this copy must not be lost with it.
    if (to === undefined) this.keep(from);
    else this.lead(from, to);
    return true;
  }

  /** Addresses elsewhere so far. */
  get outside(): number {
    return [...this.sentOn.values()].reduce((sum, targets) => sum + targets.length, 0);
  }

  keep(judged: Judged): void {
    this.keeping.add(judged);
  }

  send(from: Judged, target: string): void {
    this.byAddress.set(target, undefined);
    this.sentOn.set(from, [...(this.sentOn.get(from) ?? []), target]);
  }

  gain(from: Judged, to: Judged): void {
    this.byAddress.set(addressOf(to), to);
    this.judged.push(to);
    this.lead(from, to);
  }

  /** A copy that goes nowhere, or only round, stays with the first whose it is. */
  expanded(): Expanded {
    const redirected = new Set([...this.redirecting].filter((each) => !this.keeping.has(each)));
    for (const each of [...redirected]) if (!this.lands(each, redirected, new Set())) redirected.delete(each);
    return { judged: this.judged, sentOn: this.sentOn, redirected };
  }

  private lead(from: Judged, to: Judged): void {
    this.next.set(from, [...(this.next.get(from) ?? []), to]);
  }

  private lands(judged: Judged, redirected: ReadonlySet<Judged>, passed: Set<Judged>): boolean {
    if (!redirected.has(judged) || this.sentOn.has(judged)) return true;
    if (passed.has(judged)) return false;
    passed.add(judged);
    return (this.next.get(judged) ?? []).some((to) => this.lands(to, redirected, passed));
  }
}

function addressOf({ facts }: Judged): string {
  return facts.recipient?.address ?? "";
}

interface Wishes {
  readonly targets: readonly string[];
  readonly keep: boolean;
}

/** Recognised spam that its owner wants in the inbox, tagged or marked: that is no reason to send it to others. */
const junkReasons: ReadonlySet<string> = new Set(["spam-tagged", "spam-marked", "dmarc-tagged", "dmarc-marked"]);

const none: Wishes = { targets: [], keep: true };

function wishesOf(judged: Judged, directory: Directory): Wishes {
  const { verdict, facts } = judged;
  const { forwardTo = [], redirectTo = [] } = verdict.delivery ?? {};
  if (verdict.action !== "accept" || forwardTo.length + redirectTo.length === 0) return none;
  if (junkReasons.has(verdict.reason)) return none;
  if ((facts.content?.received ?? 0) > receivedMax || isForwardingOff(judged, directory)) return none;
  const addresses = [...forwardTo, ...redirectTo].map((target) => classifyAddress(target));
  const targets = addresses.filter(({ form }) => form === "plain").map(({ address }) => address);
  return { targets: [...new Set(targets)].slice(0, targetsMax), keep: redirectTo.length === 0 };
}

/** Who sends on: the owner of the mailbox, or for mail that leaves the sending tenant. */
function accountOf({ verdict, facts: { recipient } }: Pick<Judged, "verdict" | "facts">) {
  return recipient?.found.kind === "local" ? recipient.found.domain : verdict;
}

/** The switch that a suspension may set: the mail stays in its mailbox. */
function isForwardingOff(judged: Judged, directory: Directory): boolean {
  const owner = accountOf(judged).tenantId;
  return owner !== undefined && directory.tenant(owner)?.switches.forwarding === true;
}

/** The session's facts for another recipient: what was found out for the first one's settings does not count here. */
function factsFor(facts: Facts, address: string, found: RecipientFact): Facts {
  const { dnsLists: _lists, counters: _counters, content, ...session } = facts;
  const recipient = { address, form: "plain", found, acceptedBefore: 0 } as const;
  // Whoever sends on has waited already.
  const greylist = { status: "known" } as const;
  if (content === undefined) return { ...session, recipient, greylist };
  const { scan: _scan, classifier: _classifier, findings: _findings, rules: _rules, ...shared } = content;
  return { ...session, recipient, greylist, content: shared };
}
