import type { Facts, RecipientFact, Verdict } from "@mailfold/policy";
import type { Directory } from "@mailfold/projection-directory";
import { recipientFact } from "../directory-facts.ts";
import { classifyAddress } from "../envelope-address.ts";
import type { Judged } from "../judge.ts";

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
  /** The data phase for a recipient of ours that was not in the envelope. */
  judge(facts: Facts): Promise<Judged>;
}

/** Targets of one recipient, and recipients of ours that one message may gain. */
const targetsMax = 20;
const gainedMax = 100;
/** Hops after which mail is not sent on any more: it goes round, or nearly. */
const receivedMax = 50;

/**
 * Follows forward and redirect. A target of ours is judged like a recipient, by its own tenant's policy, and its own rules
 * may send on in turn; nobody gets the message twice. Mail that is held, refused or junk stays where it is.
 */
export async function expandForwards(input: ExpandInput): Promise<Expanded> {
  const judged = [...input.judged];
  const sentOn = new Map<Judged, readonly string[]>();
  const redirected = new Set<Judged>();
  const seen = new Set(judged.map(({ facts }) => facts.recipient?.address ?? ""));
  // Recipients gained are at the end of the list, so they are followed, too.
  for (const each of judged) {
    const own = each.facts.recipient?.address ?? "";
    const wishes = wishesOf(each, input.directory);
    const out: string[] = [];
    let reached = 0;
    for (const target of wishes.targets) {
      if (target === own) continue;
      if (seen.has(target)) {
        reached += 1;
        continue;
      }
      const found = recipientFact(input.directory, target);
      if (found.kind === "foreign" && input.maySendOut) out.push(target);
      if (found.kind !== "local" || judged.length - input.judged.length >= gainedMax) continue;
      seen.add(target);
      reached += 1;
      judged.push(await input.judge(factsFor(each.facts, target, found)));
    }
    for (const target of out) seen.add(target);
    if (out.length > 0) sentOn.set(each, out);
    const keeps = wishes.keep || wishes.targets.includes(own);
    if (!keeps && reached + out.length > 0) redirected.add(each);
  }
  return { judged, sentOn, redirected };
}

interface Wishes {
  readonly targets: readonly string[];
  readonly keep: boolean;
}

const none: Wishes = { targets: [], keep: true };

function wishesOf({ verdict, facts }: Judged, directory: Directory): Wishes {
  const { forwardTo = [], redirectTo = [] } = verdict.delivery ?? {};
  if (verdict.action !== "accept" || forwardTo.length + redirectTo.length === 0) return none;
  if ((facts.content?.received ?? 0) > receivedMax || isForwardingOff(verdict, facts, directory)) return none;
  const addresses = [...forwardTo, ...redirectTo].map((target) => classifyAddress(target));
  const targets = addresses.filter(({ form }) => form === "plain").map(({ address }) => address);
  return { targets: [...new Set(targets)].slice(0, targetsMax), keep: redirectTo.length === 0 };
}

/** The switch that a suspension may set: the mail stays in its mailbox. */
function isForwardingOff({ tenantId }: Verdict, { recipient }: Facts, directory: Directory): boolean {
  const owner = recipient?.found.kind === "local" ? recipient.found.domain.tenantId : tenantId;
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
