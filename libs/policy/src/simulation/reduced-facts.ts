import { receivedMax } from "../check-message-shape.ts";
import type { AuthenticationFact, ClassifierFact, ContentFindingFact, RulesFact, ScanFact } from "../content-facts.ts";
import { likelySpamProbability } from "../evaluate-score.ts";
import type { DnsListFact, GreylistFact, NameFact, SpfFact } from "../peer-facts.ts";
import type { Facts } from "../types.ts";

type Shape = Omit<NonNullable<Facts["content"]>, "sizeBytes">;

const plainAddress = /^[^\s@]+@[^\s@]+$/;

/** How an address list looks to the check of required headers: whether it has any that is one. */
function addressesForm(addresses: readonly string[] = []): string {
  if (addresses.length === 0) return "none";
  return addresses.some((address) => plainAddress.test(address)) ? "some" : JSON.stringify(addresses);
}

/** How an envelope sender is written, and the sender. */
function senderForm({ address, form }: NonNullable<Facts["sender"]>): string {
  return `${form} ${address.toLowerCase()}`;
}

function hostForm(host: NonNullable<Facts["host"]>): string {
  return host.status === "confirmed" ? `confirmed ${host.name.toLowerCase()}` : host.status;
}

/** Everything of a recipient of ours but its address; of one elsewhere nothing. Scope ids come last, the narrowest first. */
function recipientForm({ form, found }: NonNullable<Facts["recipient"]>): string {
  if (found.kind === "foreign" || form !== "plain") return "foreign";
  const { domainId, resellerId, tenantId, tenantInboundOff } = found.domain;
  const targets = found.kind === "local" ? found.targets : [];
  const flags = targets.map(({ overQuota, suspended }) => (suspended ? "s" : overQuota ? "q" : "o")).join("");
  const only = targets.length === 1 ? targets[0]?.mailboxId : undefined;
  return `${found.kind} ${tenantInboundOff} ${flags || "-"} ${only ?? "-"} ${domainId} ${tenantId} ${resellerId}`;
}

function classifierForm({ probability, verdict }: ClassifierFact): string {
  return verdict === "unsure" ? `unsure ${probability > likelySpamProbability}` : verdict;
}

const dispositions: ReadonlySet<string> = new Set(["reject", "quarantine", "discard"]);

/** The first decision on the whole copy; what else rules ask for changes how it is delivered, not what becomes of it. */
function rulesForm({ actions }: RulesFact): string {
  return actions.find(({ action }) => dispositions.has(action.do))?.action.do ?? "none";
}

function authenticationForm({ arc, dmarc, spf }: AuthenticationFact): string {
  const seals = [arc.result, arc.claimedDmarc ?? "", arc.sealers.at(-1) ?? ""];
  return [spf.result, spf.identity, dmarc.result, dmarc.policy ?? "", ...seals].join(" ");
}

/**
 * What of a part of the facts evaluate() decides by, for a recipient of ours, a peer without login, and neither peer nor
 * sender on any list: equal forms are judged alike by every policy. A scanner's points are apart (scoreOf). Names and details
 * that only a trace shows are left out. The property test beside simulate.ts holds this against evaluate() itself.
 */
export const reducedForms: Readonly<Record<string, (value: never) => string>> = {
  session: ({ listener }: Pick<Facts, "listener">) => listener,
  sender: senderForm,
  host: hostForm,
  recipient: recipientForm,
  heloName: ({ status }: NameFact) => status,
  senderDomain: ({ status }: NameFact) => status,
  spf: ({ identity, result }: SpfFact) => `${result} ${identity}`,
  dnsLists: (lists: readonly DnsListFact[]) => lists.map(({ result, zone }) => `${zone}=${result}`).join(" "),
  greylist: ({ status }: GreylistFact) => status,
  shape: (shape: Shape) => {
    const { bareLineEnd, broken, deliveredTo, from, fromCount, received, replyTo } = shape;
    const loops = deliveredTo.length === 0 ? "" : JSON.stringify(deliveredTo);
    const headers = `${addressesForm(from)} ${addressesForm(replyTo)} ${fromCount}`;
    return `${headers} ${received > receivedMax} ${bareLineEnd} ${broken} ${loops}`;
  },
  authentication: authenticationForm,
  scan: (scan: ScanFact) => `${scan.clamav?.status} ${scan.rspamd?.status} ${Number.isNaN(scoreOf(scan))}`,
  classifier: classifierForm,
  findings: (all: readonly ContentFindingFact[]) => all.map(({ check, score }) => `${check}${score}`).join(" "),
  rules: rulesForm,
} as const;

/** Parts whose form holds for every row; the others' only for rows that are as reducedForms says. */
export const alwaysReduced: ReadonlySet<string> = new Set([
  "heloName",
  "senderDomain",
  "dnsLists",
  "greylist",
  "scan",
  "classifier",
  "findings",
  "rules",
]);

/** Points that a scanner gave; NaN = none. */
export function scoreOf(scan: ScanFact): number {
  const { rspamd } = scan;
  return rspamd?.status === "scanned" && typeof rspamd.score === "number" ? rspamd.score : Number.NaN;
}
