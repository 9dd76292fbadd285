import { settingLine } from "./check-sender.ts";
import type { RecipientOutcome } from "./evaluate-recipient.ts";
import { addPoints, ask, type Finding, type Judging, note, refuse } from "./judging.ts";
import { chainOf, type ScopeChain, settingValue } from "./policy-state.ts";

type Scanner = "rspamd" | "clamav";

/** Whether a message is filtered for spam: not what an accept entry names, nor a login's where scanAuthenticated is off. */
export function isFiltered({ facts, state }: Judging, { isAccepted }: RecipientOutcome): boolean {
  if (isAccepted) return false;
  return facts.login === undefined || settingValue(state, chainOf(facts.login), "scanAuthenticated") === true;
}

/** Asks for the scanners that the policy wants; those that are not configured answer nothing. */
export function askScan(judging: Judging, outcome: RecipientOutcome): void {
  if (judging.facts.content?.scan !== undefined) return;
  const { chain } = outcome;
  const scanners: Scanner[] = [];
  if (isFiltered(judging, outcome) && settingValue(judging.state, chain, "spamScanner") === true)
    scanners.push("rspamd");
  if (settingValue(judging.state, chain, "virusScanner") === true) scanners.push("clamav");
  if (scanners.length > 0) ask(judging, "scan", { scanners });
}

/** What ClamAV found. A relayed copy can be held nowhere, so it is refused. */
export function checkVirus(judging: Judging, { chain, route }: RecipientOutcome): Finding | undefined {
  const clamav = judging.facts.content?.scan?.clamav;
  if (clamav === undefined || settingValue(judging.state, chain, "virusScanner") !== true) return undefined;
  if (clamav.status !== "infected") {
    note(judging, () =>
      settingLine(judging, chain, "virusScanner", { step: "virus", outcome: "pass", detail: clamav.status }),
    );
    return undefined;
  }
  const action = settingValue(judging.state, chain, "virusAction");
  const detail = `clamav found ${clamav.signature}`;
  const isHeld = route === "local" && (action === "quarantine" || action === "discard");
  const line = settingLine(judging, chain, "virusAction", {
    step: "virus",
    outcome: isHeld ? "match" : "refuse",
    detail,
  });
  if (!isHeld) return refuse(judging, "virus-found", "data", line);
  return refuse(judging, action === "quarantine" ? "virus-quarantined" : "virus-discarded", "data", line);
}

/** Scanners that did not answer: the sender tries again, or the verdict says that they had no say. */
export function checkScannersDown(judging: Judging, outcome: RecipientOutcome): Finding | undefined {
  const { chain } = outcome;
  for (const [name, cause] of downScanners(judging, outcome)) {
    const detail = `${name} did not answer: ${cause}`;
    if (settingValue(judging.state, chain, "scannerFailure") === "defer") {
      const line = settingLine(judging, chain, "scannerFailure", { step: "scanner", outcome: "refuse", detail });
      return refuse(judging, "scanner-unavailable", "data", line);
    }
    addPoints(judging, { name, points: 0, detail: `did not answer: ${cause}` }, () =>
      settingLine(judging, chain, "scannerFailure", { step: "scanner", outcome: "skip", detail }),
    );
  }
  return undefined;
}

function downScanners(judging: Judging, outcome: RecipientOutcome): readonly (readonly [Scanner, string])[] {
  const scan = judging.facts.content?.scan;
  const down: (readonly [Scanner, string])[] = [];
  const wants = (setting: "virusScanner" | "spamScanner"): boolean =>
    settingValue(judging.state, outcome.chain, setting) === true;
  if (scan?.clamav?.status === "down" && wants("virusScanner")) down.push(["clamav", scan.clamav.cause]);
  if (scan?.rspamd?.status === "down" && wants("spamScanner") && isFiltered(judging, outcome)) {
    down.push(["rspamd", scan.rspamd.cause]);
  }
  return down;
}

/** Points of rspamd, whose scale is ours: its usual `add header` is near our junk threshold. */
export function scoreRspamd(judging: Judging, chain: ScopeChain): void {
  const rspamd = judging.facts.content?.scan?.rspamd;
  if (rspamd?.status !== "scanned" || settingValue(judging.state, chain, "spamScanner") !== true) return;
  const detail = rspamd.symbols.slice(0, 5).join(" ");
  addPoints(judging, { name: "rspamd", points: rspamd.score, detail }, () =>
    settingLine(judging, chain, "spamScanner", {
      step: "rspamd",
      outcome: "match",
      detail: `${rspamd.action}, ${rspamd.score} points: ${detail}`,
    }),
  );
}
