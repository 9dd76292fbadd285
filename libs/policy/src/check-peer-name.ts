import { settingLine } from "./check-sender.ts";
import { addPoints, ask, type Finding, type Judging, note, refuse } from "./judging.ts";
import type { SpfFact } from "./peer-facts.ts";
import type { PeerStanding } from "./peer-standing.ts";
import { type ScopeChain, settingValue } from "./policy-state.ts";
import type { KnownReason } from "./reasons.ts";
import { type ScoreWeightName, scoreWeights } from "./score-weights.ts";
import type { Phase } from "./types.ts";

type CheckSetting = "verifyHelo" | "verifySenderDomain" | "reverseDns" | "spf";

/** What a check found wrong: its points, and the refusal that mode `reject` makes of it. */
interface Fault {
  readonly setting: CheckSetting;
  readonly phase: Phase;
  readonly weight: ScoreWeightName;
  readonly detail: string;
  /** Absent: it only ever scores. */
  readonly reason?: KnownReason;
}

function isOn(judging: Judging, chain: ScopeChain, setting: CheckSetting): boolean {
  return settingValue(judging.state, chain, setting) !== "off";
}

function weigh(judging: Judging, chain: ScopeChain, fault: Fault, isSpared: boolean): Finding | undefined {
  const { detail, phase, setting, weight } = fault;
  const mode = settingValue(judging.state, chain, setting);
  if (mode === "reject" && fault.reason !== undefined) {
    const line = settingLine(judging, chain, setting, { step: setting, outcome: "refuse", detail });
    return refuse(judging, fault.reason, phase, line);
  }
  if (isSpared) {
    note(judging, () =>
      settingLine(judging, chain, setting, {
        step: setting,
        outcome: "skip",
        detail: `${detail}; a welcome list spares`,
      }),
    );
    return undefined;
  }
  const { points } = scoreWeights[weight];
  addPoints(judging, { name: weight, points, detail }, () =>
    settingLine(judging, chain, setting, { step: setting, outcome: "match", detail: `${detail}: +${points} points` }),
  );
  return undefined;
}

function passed(judging: Judging, chain: ScopeChain, setting: CheckSetting, detail: string): undefined {
  note(judging, () => settingLine(judging, chain, setting, { step: setting, outcome: "pass", detail }));
}

/** Asks for what the chain's settings want to know of the names that a peer gave and of its address. */
export function askPeerNames(judging: Judging, chain: ScopeChain, standing: PeerStanding): void {
  const { facts } = judging;
  const isNull = facts.sender === undefined || facts.sender.address === "";
  if (!isNull && facts.senderDomain === undefined && isOn(judging, chain, "verifySenderDomain")) {
    ask(judging, "senderDomain");
  }
  // Behind a trusted relay all but the sender's domain would be the relay's own.
  if (standing !== "foreign") return;
  // An old verdict's facts have a host only where something needed it then.
  if (facts.host === undefined && !judging.isRecorded && isOn(judging, chain, "reverseDns")) ask(judging, "host");
  if (facts.heloName === undefined && facts.helo !== undefined && isOn(judging, chain, "verifyHelo")) {
    ask(judging, "heloName");
  }
  if (facts.spf === undefined && isOn(judging, chain, "spf")) ask(judging, "spf");
}

/** The peer's forward-confirmed host name. A failed look-up says nothing, here as in all checks. */
export function checkReverseDns(judging: Judging, chain: ScopeChain, isSpared: boolean): Finding | undefined {
  const { host } = judging.facts;
  if (host === undefined || !isOn(judging, chain, "reverseDns")) return undefined;
  if (host.status === "confirmed") return passed(judging, chain, "reverseDns", host.name);
  if (host.status === "failed") return passed(judging, chain, "reverseDns", "the look-up failed");
  const detail = host.status === "none" ? "no host name" : "the host name does not lead back";
  const weight = "reverse-dns-missing";
  return weigh(judging, chain, { setting: "reverseDns", phase: "connect", weight, reason: weight, detail }, isSpared);
}

/** The name given with HELO. */
export function checkHeloName(judging: Judging, chain: ScopeChain, isSpared: boolean): Finding | undefined {
  const { heloName } = judging.facts;
  if (heloName === undefined || !isOn(judging, chain, "verifyHelo")) return undefined;
  const { name, status } = heloName;
  const fault = { setting: "verifyHelo", phase: "helo" } as const;
  if (status === "literal") {
    return weigh(judging, chain, { ...fault, weight: "helo-literal", detail: `${name} is a literal` }, isSpared);
  }
  if (status !== "missing" && status !== "malformed") return passed(judging, chain, "verifyHelo", `${name}: ${status}`);
  const detail = `${name} is ${status}`;
  return weigh(judging, chain, { ...fault, weight: "helo-unresolved", reason: "helo-unresolved", detail }, isSpared);
}

/** The domain of MAIL FROM: does it exist, and does it take mail? */
export function checkSenderDomain(judging: Judging, chain: ScopeChain, isSpared: boolean): Finding | undefined {
  const { sender, senderDomain } = judging.facts;
  const setting = "verifySenderDomain";
  if (senderDomain === undefined || sender?.address === "" || !isOn(judging, chain, setting)) return undefined;
  const { name, status } = senderDomain;
  if (status === "found" || status === "failed" || status === "literal") {
    return passed(judging, chain, setting, `${name}: ${status}`);
  }
  const weight = "sender-domain-unresolved";
  const reason = status === "nullMx" ? "sender-domain-null-mx" : weight;
  return weigh(judging, chain, { setting, phase: "mail", weight, reason, detail: `${name} is ${status}` }, isSpared);
}

/** An SPF result (RFC 7208 8): `fail` as the setting says, `softfail` by points, everything else says nothing. */
export function checkSpf(
  judging: Judging,
  chain: ScopeChain,
  seen: { readonly spf: SpfFact | undefined; readonly phase: Phase; readonly isSpared: boolean },
): Finding | undefined {
  const { spf, phase, isSpared } = seen;
  if (spf === undefined || !isOn(judging, chain, "spf")) return undefined;
  const detail = `${spf.result} for ${spf.domain}`;
  const fault = { setting: "spf", phase, detail } as const;
  if (spf.result === "fail") {
    return weigh(judging, chain, { ...fault, weight: "spf-fail", reason: "spf-failed" }, isSpared);
  }
  if (spf.result === "softfail") return weigh(judging, chain, { ...fault, weight: "spf-softfail" }, isSpared);
  return passed(judging, chain, "spf", detail);
}
