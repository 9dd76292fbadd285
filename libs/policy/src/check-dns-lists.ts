import { settingLine } from "./check-sender.ts";
import { addPoints, ask, type Finding, type Judging, note, refuse } from "./judging.ts";
import type { DnsListZone } from "./peer-facts.ts";
import { originOf, type PeerStanding } from "./peer-standing.ts";
import { type ScopeChain, settingValue } from "./policy-state.ts";
import type { Phase, TraceLine } from "./types.ts";

function zonesOf(judging: Judging, chain: ScopeChain): readonly DnsListZone[] {
  const zones = settingValue(judging.state, chain, "dnsbl");
  return Array.isArray(zones) ? (zones as unknown as readonly DnsListZone[]) : [];
}

/** Asks the chain's DNS lists about the peer, or about the address beyond a trusted relay, unless each has answered. */
export function askDnsLists(judging: Judging, chain: ScopeChain, standing: PeerStanding): void {
  const { dnsLists } = judging.facts;
  if (standing !== "foreign" && !(standing === "relayed" && originOf(judging))) return;
  const zones = zonesOf(judging, chain);
  const isAnswered = ({ zone }: DnsListZone): boolean => dnsLists?.some((fact) => fact.zone === zone) === true;
  if (!zones.every(isAnswered)) ask(judging, "dnsLists", { zones });
}

function zoneLine(judging: Judging, chain: ScopeChain, outcome: TraceLine["outcome"], detail: string): TraceLine {
  return settingLine(judging, chain, "dnsbl", { step: "dnsbl", outcome, detail });
}

/** Whether a list that the chain calls welcome knows the peer: it is spared points of peer checks, and greylisting. */
export function isWelcome(judging: Judging, chain: ScopeChain): boolean {
  const { dnsLists } = judging.facts;
  if (dnsLists === undefined) return false;
  for (const { welcome, zone } of zonesOf(judging, chain)) {
    if (welcome !== true || !dnsLists.some((fact) => fact.zone === zone && fact.result === "listed")) continue;
    note(judging, () => zoneLine(judging, chain, "match", `${zone} welcomes the peer`));
    return true;
  }
  return false;
}

/** What the chain's DNS lists say: a trusted one refuses, whatever others say; the rest add points. */
export function checkDnsLists(
  judging: Judging,
  chain: ScopeChain,
  { isSpared, phase }: { readonly isSpared: boolean; readonly phase: Phase },
): Finding | undefined {
  const { dnsLists } = judging.facts;
  if (dnsLists === undefined) return undefined;
  const zones = zonesOf(judging, chain);
  for (const { trusted, weight, welcome, zone } of zones) {
    const fact = dnsLists.find((each) => each.zone === zone);
    if (fact === undefined || welcome === true) continue;
    const said = `${zone}: ${fact.result}${fact.answers === undefined ? "" : ` ${fact.answers.join(" ")}`}`;
    if (fact.result !== "listed") {
      note(judging, () => zoneLine(judging, chain, "pass", said));
      continue;
    }
    if (trusted === true) return refuse(judging, "dns-listed", phase, zoneLine(judging, chain, "refuse", said));
    if (weight === undefined || isSpared) continue;
    addPoints(judging, { name: `dnsbl/${zone}`, points: weight, detail: said }, () =>
      zoneLine(judging, chain, "match", `${said}: +${weight} points`),
    );
  }
  return undefined;
}
