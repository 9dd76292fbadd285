import { entryLine, matchLists } from "./check-lists.ts";
import { checkAccess, checkLoginSender, checkNullSender, checkSenderForm, checkSize } from "./check-sender.ts";
import { denialOf } from "./denials.ts";
import { type Account, type Finding, type Judging, note, refuse, verdictOf } from "./judging.ts";
import { receivingStanding } from "./peer-standing.ts";
import { chainOf, platformChain } from "./policy-state.ts";
import type { Evaluation, Phase, TraceLine } from "./types.ts";

/**
 * A denial of the peer's IP: answered at once and closed; an authenticated session is never cut off. A message that the
 * peer hands over already, or that waits here to be judged again, is no new attempt: what the peer does later is not held
 * against it. Verdicts of before may have been, so recorded ones are judged as they were.
 */
export function checkDenial(judging: Judging): Finding | undefined {
  const { facts, ip, state } = judging;
  if (!ip || facts.login !== undefined) return undefined;
  if (judging.phase === "data" && !judging.isRecorded) return undefined;
  const denial = denialOf(state, ip, facts.at);
  if (!denial) return undefined;
  const line: TraceLine = {
    step: "denial",
    outcome: "refuse",
    setAtScope: "platform",
    byEvent: denial.byEvent,
    detail: `${denial.reason} until ${denial.until}`,
  };
  return { ...refuse(judging, "ip-denied", "connect", line), immediate: true, close: true };
}

/** Phase in which the fact of a kill hit at platform scope became known. */
const listPhases: Readonly<Record<string, Phase>> = { connect: "connect", helo: "helo", mail: "mail" };

function sessionFinding(judging: Judging, phase: Phase): Finding | undefined {
  const denial = checkDenial(judging);
  if (denial) return denial;
  if (phase === "mail") {
    const access = checkAccess(judging) ?? checkSenderForm(judging, false) ?? checkLoginSender(judging);
    if (access || judging.needs.length > 0) return access;
  }
  const { login, sender } = judging.facts;
  const chain = login ? chainOf(login) : platformChain;
  // Provisional, as all that is held: RCPT asks for the proof that an accept entry for a sender needs.
  const match = matchLists(judging, chain, receivingStanding(judging, chain));
  const accept = match.accept >= 0 ? match.accept : match.acceptSender;
  if (accept >= 0) note(judging, () => entryLine(judging, accept, "match", "accept-list"));
  else if (match.kill >= 0 && login === undefined) {
    return refuse(
      judging,
      "kill-listed",
      listPhases[phase] ?? "mail",
      entryLine(judging, match.kill, "refuse", "kill-list"),
    );
  }
  if (phase !== "mail") return undefined;
  if (accept < 0) {
    const refused = checkNullSender(judging, chain);
    if (refused) return refused;
  }
  if (login) return checkSize(judging, chain, { bytes: sender?.declaredSizeBytes, phase: "mail" });
  return checkOverEveryLimit(judging);
}

/** A declared size that no tenant's limit admits. */
function checkOverEveryLimit(judging: Judging): Finding | undefined {
  const declared = judging.facts.sender?.declaredSizeBytes ?? 0;
  if (declared <= judging.state.sizeLimitMaxBytes) return undefined;
  return checkSize(judging, platformChain, { bytes: declared, phase: "mail" });
}

/**
 * Verdict of the session so far. Without a login only the platform's policy can speak, and all but denials and missing
 * logins is held: the recipient's tenant may accept what is refused here, so RCPT judges everything again.
 */
export function evaluateSession(judging: Judging, phase: Phase): Evaluation {
  const finding = sessionFinding(judging, phase);
  if (judging.needs.length > 0) return { needs: judging.needs };
  const { login } = judging.facts;
  const account: Account = login ? { tenantId: login.tenantId, resellerId: login.resellerId } : {};
  const accepted: Finding = { reason: "accepted", phase, line: { step: phase, outcome: "pass" } };
  return { verdict: verdictOf(judging, finding ?? accepted, account) };
}
