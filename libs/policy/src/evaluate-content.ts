import { assert } from "@mailfold/kernel";
import { isWelcome } from "./check-dns-lists.ts";
import { checkLearnedAuthor } from "./check-learned.ts";
import { checkMessageShape } from "./check-message-shape.ts";
import { type AuthenticationOutcome, askAuthentication, checkAuthentication } from "./evaluate-authentication.ts";
import type { RecipientOutcome } from "./evaluate-recipient.ts";
import { askRules, checkRules, deliveryOf, mayBeSentOn } from "./evaluate-rules.ts";
import { askScan, checkScannersDown, checkVirus, isFiltered, scoreRspamd } from "./evaluate-scan.ts";
import { askFilters, checkThresholds, scoreFilters } from "./evaluate-score.ts";
import { type Finding, type Judging, note, refuse } from "./judging.ts";
import { reasons } from "./reasons.ts";

/** Whether the sender is proven only by SPF, which the message itself may still disprove. */
const restsOnSpf: ReadonlySet<string> = new Set(["relay-spf-entry"]);

/** Asks, in one round, for all that does not depend on the score. */
function askContent(judging: Judging, outcome: RecipientOutcome): void {
  const { finding, route, standing } = outcome;
  if (route === "local" || restsOnSpf.has(finding.reason)) askAuthentication(judging, standing);
  askScan(judging, outcome);
  // The built-in filters know what the tenant's users get, not what they send.
  if (route === "local" && isFiltered(judging, outcome)) askFilters(judging, outcome);
}

/** A sender that relays by SPF's word: its From header must not be one that DMARC disproves. */
function checkRelayedSender(judging: Judging, { finding }: RecipientOutcome): Finding | undefined {
  const dmarc = judging.facts.content?.authentication?.dmarc;
  if (!restsOnSpf.has(finding.reason) || dmarc?.result !== "fail") return undefined;
  const detail = `DMARC fails for ${dmarc.domain}`;
  return refuse(judging, "relay-sender-unproven", "data", { ...finding.line, outcome: "refuse", detail });
}

function authenticated(judging: Judging, outcome: RecipientOutcome): AuthenticationOutcome {
  const { chain, isAccepted, route, standing } = outcome;
  if (route !== "local") return { finding: checkRelayedSender(judging, outcome) };
  if (isAccepted) return {};
  const isSpared = standing === "relayed" && isWelcome(judging, chain);
  const authentication = checkAuthentication(judging, chain, { standing, isSpared });
  if (authentication.finding) return authentication;
  const listed = checkLearnedAuthor(judging, chain, standing);
  return listed ? { finding: listed } : authentication;
}

/**
 * Judges the content for a recipient whose envelope passed: form and headers, then authentication and listings, scanners, filters, rules
 * and thresholds; the reason it passed stays the reason when nothing is found. A virus beats everything, a rule's decision
 * beats thresholds. Undefined while facts are missing.
 */
export function decideContent(judging: Judging, outcome: RecipientOutcome): Finding | undefined {
  const { content } = judging.facts;
  assert(content !== undefined, "the data phase is judged by content facts");
  const malformed = checkMessageShape(judging, content, outcome);
  if (malformed) return malformed;
  askContent(judging, outcome);
  if (judging.needs.length > 0) return undefined;
  const virus = checkVirus(judging, outcome);
  if (virus) return virus;
  const authentication = authenticated(judging, outcome);
  const early = authentication.finding ?? checkScannersDown(judging, outcome);
  if (early) return early;
  if (isFiltered(judging, outcome)) {
    scoreRspamd(judging, outcome.chain);
    if (outcome.route === "local") scoreFilters(judging, outcome.chain);
  }
  askRules(judging, outcome);
  if (judging.needs.length > 0) return undefined;
  const byRule = checkRules(judging, outcome);
  const byScore = byRule || outcome.isAccepted ? undefined : checkThresholds(judging, outcome, authentication.junk);
  return delivered(judging, byRule ?? byScore ?? passed(judging, outcome));
}

function passed(judging: Judging, { finding }: RecipientOutcome): Finding {
  note(judging, () => ({ step: "content", outcome: "pass" }));
  return { ...finding, phase: "data" };
}

/** The finding with what the rules ask for besides, as far as the mail is taken. */
function delivered(judging: Judging, finding: Finding): Finding {
  const { action } = reasons[finding.reason];
  if (action === "reject" || action === "defer") return finding;
  const isHeld = action === "quarantine" || action === "discard";
  const maySendOn = !isHeld && mayBeSentOn(judging);
  const delivery = deliveryOf(judging.facts.content?.rules, finding.delivery, { isHeld, maySendOn });
  return delivery === undefined ? finding : { ...finding, delivery };
}
