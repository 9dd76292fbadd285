import { checkSpf } from "./check-peer-name.ts";
import { settingLine } from "./check-sender.ts";
import type { AuthenticationFact } from "./content-facts.ts";
import { addPoints, ask, type Finding, type Judging, note, refuse } from "./judging.ts";
import { originOf, type PeerStanding } from "./peer-standing.ts";
import { type ScopeChain, settingValue } from "./policy-state.ts";
import { scoreWeights } from "./score-weights.ts";
import type { TraceLine } from "./types.ts";

/** Whether a message can be authenticated at all: its peer's address, or the one beyond a trusted relay, says something. */
function isAuthenticable(judging: Judging, standing: PeerStanding): boolean {
  return standing === "foreign" || (standing === "relayed" && originOf(judging) !== undefined);
}

/** Asks for message authentication. Also where no setting acts on it: its results go into the header and to the rules. */
export function askAuthentication(judging: Judging, standing: PeerStanding): void {
  if (!isAuthenticable(judging, standing)) return;
  if (judging.facts.content?.authentication === undefined) ask(judging, "authentication");
}

/** A forwarder whose seal (RFC 8617) the chain of scopes believes, and which saw DMARC pass before it changed the message. */
function trustedSealer(judging: Judging, chain: ScopeChain, { arc }: AuthenticationFact): string | undefined {
  const sealer = arc.sealers.at(-1);
  if (arc.result !== "pass" || arc.claimedDmarc !== "pass" || sealer === undefined) return undefined;
  const trusted = settingValue(judging.state, chain, "trustedSealers");
  return Array.isArray(trusted) && trusted.includes(sealer) ? sealer : undefined;
}

/** What authentication came to: a refusal, or that the domain's owner wants the message quarantined. */
export interface AuthenticationOutcome {
  readonly finding?: Finding | undefined;
  /** The line that shows it. */
  readonly junk?: TraceLine;
}

/** SPF at the address beyond a trusted relay, then DMARC (RFC 7489 6.6): what fails is refused, junk, or adds points. */
export function checkAuthentication(
  judging: Judging,
  chain: ScopeChain,
  { standing, isSpared }: { readonly standing: PeerStanding; readonly isSpared: boolean },
): AuthenticationOutcome {
  const authentication = judging.facts.content?.authentication;
  if (authentication === undefined || !isAuthenticable(judging, standing)) return {};
  const { spf } = authentication;
  // Of the null sender SPF would be about the trusted relay's own name.
  if (standing === "relayed" && spf.identity === "mailfrom") {
    const finding = checkSpf(judging, chain, { spf, phase: "data", isSpared });
    if (finding) return { finding };
  }
  return checkDmarc(judging, chain, authentication);
}

function checkDmarc(judging: Judging, chain: ScopeChain, authentication: AuthenticationFact): AuthenticationOutcome {
  const mode = settingValue(judging.state, chain, "dmarc");
  if (mode === "off") return {};
  const { dmarc } = authentication;
  const line = (outcome: TraceLine["outcome"], detail: string): TraceLine =>
    settingLine(judging, chain, "dmarc", { step: "dmarc", outcome, detail });
  if (dmarc.result !== "fail") {
    note(judging, () => line("pass", `${dmarc.result} for ${dmarc.domain}`));
    return {};
  }
  const sealer = trustedSealer(judging, chain, authentication);
  if (sealer !== undefined) {
    note(judging, () => line("pass", `fail for ${dmarc.domain}, but ${sealer} saw it pass (ARC)`));
    return {};
  }
  const policy = dmarc.policy ?? "none";
  const detail = `fail for ${dmarc.domain}, whose policy is ${policy}`;
  if (mode === "honour" && policy === "reject") {
    return { finding: refuse(judging, "dmarc-failed", "data", line("refuse", detail)) };
  }
  if (mode === "honour" && policy === "quarantine") {
    const junk = line("match", detail);
    note(judging, () => junk);
    return { junk };
  }
  const { points } = scoreWeights["dmarc-fail"];
  addPoints(judging, { name: "dmarc-fail", points, detail }, () => line("match", `${detail}: +${points} points`));
  return {};
}
