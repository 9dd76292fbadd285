import type { ReasonDefinition } from "./reason-definition.ts";
import type { Action } from "./types.ts";

const taken = <A extends Action>(action: A, meaning: string, remedy: string) =>
  ({ action, code: 250, enhancedCode: "2.0.0", text: "OK", phase: "data", meaning, remedy }) as const;
const refused = (enhancedCode: string, text: string, meaning: string, remedy: string) =>
  ({ action: "reject", code: 550, enhancedCode, text, phase: "data", meaning, remedy }) as const;

const release = "Release the copy from quarantine, and accept the sender, if it is wanted.";
const points = "See the parts of the score; raise spamThresholds, or accept the sender.";
const ruleRemedy = "Change the rule that the decisive line names.";
const ownersWish =
  "The domain's owner asks for it (DMARC). The sender must mend SPF or DKIM; or accept the peer by IP.";
const dmarcJunk = "DMARC fails, and the domain's owner asks for quarantine, which dmarc `honour` takes as junk";

/** Reasons about what is in a message. */
export const contentReasons = {
  "virus-found": refused(
    "5.7.1",
    "Message contains malware",
    "ClamAV found something; the decisive line has its name. No accept list spares from it.",
    "The sender must clean its machine. For a false alarm tell the makers of the signatures.",
  ),
  "virus-quarantined": taken("quarantine", "ClamAV found something, and virusAction is `quarantine`.", release),
  "virus-discarded": taken("discard", "ClamAV found something, and virusAction is `discard`.", release),
  "scanner-unavailable": {
    action: "defer",
    code: 451,
    enhancedCode: "4.7.1",
    text: "Message cannot be scanned now, try again later",
    phase: "data",
    meaning: "A configured scanner did not answer, and scannerFailure is `defer`.",
    remedy: "Bring the scanner back, or set scannerFailure to `accept`.",
  },
  "dmarc-failed": refused(
    "5.7.26",
    "Message fails the DMARC policy of the domain in its From header",
    "DMARC fails, the domain's owner asks for rejection, and dmarc is `honour` (RFC 7489).",
    "The sender must mend SPF or DKIM; or set dmarc to `score`, add a forwarder to trustedSealers, or accept the peer by IP.",
  ),
  "dmarc-quarantine": taken("junk", `${dmarcJunk}: the Junk folder.`, ownersWish),
  "dmarc-tagged": taken("accept", `${dmarcJunk}: a subject tag (junkAction).`, ownersWish),
  "dmarc-marked": taken("accept", `${dmarcJunk}: the header X-Mailfold-Spam (junkAction).`, ownersWish),
  "dmarc-held": taken("quarantine", `${dmarcJunk}: quarantine (junkAction).`, release),
  "dmarc-discarded": taken("discard", `${dmarcJunk}: hidden quarantine (junkAction).`, release),
  "spam-rejected": refused(
    "5.7.1",
    "Message looks like spam",
    "The points reach spamThresholds.reject; the decisive line names the strongest parts.",
    points,
  ),
  "spam-quarantined": taken(
    "quarantine",
    "The points reach spamThresholds.quarantine, or those of junk where junkAction is `quarantine`.",
    release,
  ),
  "spam-junk": taken("junk", "The points reach spamThresholds.junk: the Junk folder.", points),
  "spam-tagged": taken("accept", "The points reach spamThresholds.junk, and junkAction is `tag`.", points),
  "spam-marked": taken("accept", "The points reach spamThresholds.junk, and junkAction is `header`.", points),
  "discarded-junk": taken("discard", "The points reach spamThresholds.junk, and junkAction is `discard`.", release),
  "rule-rejected": refused(
    "5.7.1",
    "Refused by a rule of the recipient",
    "A processing rule refuses the message; an outbound rule that would hold or discard it refuses it, too.",
    ruleRemedy,
  ),
  "rule-quarantined": taken("quarantine", "A processing rule holds the message.", ruleRemedy),
  "rule-discarded": taken("discard", "A processing rule discards the message: hidden quarantine.", ruleRemedy),
} as const satisfies Record<string, ReasonDefinition>;
