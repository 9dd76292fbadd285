import { settingLine } from "./check-sender.ts";
import type { ContentFindingFact } from "./content-facts.ts";
import type { RecipientOutcome } from "./evaluate-recipient.ts";
import { addPoints, ask, type Finding, type Judging, note, pointsBesideLists, refuse, totalPoints } from "./judging.ts";
import { type ScopeChain, settingValue } from "./policy-state.ts";
import type { KnownReason } from "./reasons.ts";
import { type ScoreWeightName, scoreWeights } from "./score-weights.ts";
import type { TraceLine } from "./types.ts";

type FindingSetting = "contentChecks" | "phraseList" | "urlDenyList";

/** Which setting asks for a content check. */
const settingOf: Readonly<Record<ContentFindingFact["check"], FindingSetting>> = {
  html: "contentChecks",
  mime: "contentChecks",
  phrases: "phraseList",
  urls: "urlDenyList",
};

/** A filter that is not sure counts from more than this probability on. */
export const likelySpamProbability = 0.8;

function isSet(judging: Judging, chain: ScopeChain, setting: FindingSetting): boolean {
  const value = settingValue(judging.state, chain, setting);
  return Array.isArray(value) && value.length > 0;
}

/** Asks the built-in filters that the recipient's settings switch on. */
export function askFilters(judging: Judging, { chain, path }: RecipientOutcome): void {
  const { content } = judging.facts;
  if (content?.classifier === undefined && path.tenantId !== undefined) {
    const isOn = settingValue(judging.state, chain, "classifier") === true;
    if (isOn) ask(judging, "classify", { tenantId: path.tenantId });
  }
  if (content?.findings !== undefined) return;
  const isOn = Object.values(settingOf).some((setting) => isSet(judging, chain, setting));
  if (isOn) ask(judging, "findings", { path });
}

/** Points of the built-in filters. */
export function scoreFilters(judging: Judging, chain: ScopeChain): void {
  scoreClassifier(judging, chain);
  for (const { check, detail, name, score } of judging.facts.content?.findings ?? []) {
    const setting = settingOf[check];
    if (!isSet(judging, chain, setting)) continue;
    addPoints(judging, { name: `${check}/${name}`, points: score, detail }, () =>
      settingLine(judging, chain, setting, {
        step: check,
        outcome: "match",
        detail: `${name}: ${detail}: ${score} points`,
      }),
    );
  }
}

function scoreClassifier(judging: Judging, chain: ScopeChain): void {
  const classifier = judging.facts.content?.classifier;
  if (classifier === undefined || settingValue(judging.state, chain, "classifier") !== true) return;
  const { probability, tokens, verdict } = classifier;
  const said = `${verdict}, probability ${probability.toFixed(3)}`;
  const line = (outcome: TraceLine["outcome"], detail: string): TraceLine =>
    settingLine(judging, chain, "classifier", { step: "classifier", outcome, detail });
  let name: ScoreWeightName | undefined;
  if (verdict === "spam") name = "classifier-spam";
  else if (verdict === "ham") name = "classifier-ham";
  else if (verdict === "unsure" && probability > likelySpamProbability) name = "classifier-likely";
  if (name === undefined) return note(judging, () => line("pass", said));
  const { points } = scoreWeights[name];
  const detail = tokens.length === 0 ? said : `${said}: ${tokens.slice(0, 5).join(" ")}`;
  addPoints(judging, { name, points, detail }, () => line("match", `${detail}: ${points} points`));
}

type Thresholds = { readonly junk?: number; readonly quarantine?: number; readonly reject?: number };
type JunkAction = "folder" | "tag" | "header" | "quarantine" | "discard";

/** What each junkAction is called, by what made the message junk. */
const junkReasons: Readonly<Record<"spam" | "dmarc", Readonly<Record<JunkAction, KnownReason>>>> = {
  spam: {
    folder: "spam-junk",
    tag: "spam-tagged",
    header: "spam-marked",
    quarantine: "spam-quarantined",
    discard: "discarded-junk",
  },
  dmarc: {
    folder: "dmarc-quarantine",
    tag: "dmarc-tagged",
    header: "dmarc-marked",
    quarantine: "dmarc-held",
    discard: "dmarc-discarded",
  },
};

/** The strongest parts first. */
function strongest(judging: Judging): string {
  const parts = judging.parts.filter(({ points }) => points !== 0);
  parts.sort((a, b) => b.points - a.points);
  return parts
    .slice(0, 5)
    .map(({ name, points }) => `${name} ${points}`)
    .join(", ");
}

function thresholdLine(
  judging: Judging,
  chain: ScopeChain,
  { name, outcome, limit }: { readonly name: string; readonly outcome: TraceLine["outcome"]; readonly limit: number },
): TraceLine {
  const detail = `${totalPoints(judging)} points, ${name} from ${limit}: ${strongest(judging)}`;
  return settingLine(judging, chain, "spamThresholds", { step: "score", outcome, detail });
}

/**
 * The points against the recipient's thresholds, and `dmarcJunk`, the line of a domain owner's wish for quarantine: reject
 * beats quarantine beats junk. A relayed copy has no folder and no quarantine, so only reject counts for it.
 */
export function checkThresholds(
  judging: Judging,
  { chain, route }: RecipientOutcome,
  dmarcJunk: TraceLine | undefined,
): Finding | undefined {
  const thresholds = settingValue(judging.state, chain, "spamThresholds") as Thresholds;
  const total = totalPoints(judging);
  const reaches = (limit: number | undefined): limit is number =>
    limit !== undefined && judging.parts.length > 0 && total >= limit;
  const byScore = (finding: Finding, limit: number): Finding => ({
    ...finding,
    byLists: pointsBesideLists(judging) < limit,
  });
  if (reaches(thresholds.reject)) {
    const limit = { name: "reject", outcome: "refuse", limit: thresholds.reject } as const;
    return byScore(refuse(judging, "spam-rejected", "data", thresholdLine(judging, chain, limit)), limit.limit);
  }
  if (route !== "local") return undefined;
  if (reaches(thresholds.quarantine)) {
    const limit = { name: "quarantine", outcome: "match", limit: thresholds.quarantine } as const;
    return byScore(refuse(judging, "spam-quarantined", "data", thresholdLine(judging, chain, limit)), limit.limit);
  }
  if (dmarcJunk) return junkFinding(judging, chain, { cause: "dmarc", line: dmarcJunk });
  if (reaches(thresholds.junk)) {
    const line = thresholdLine(judging, chain, { name: "junk", outcome: "match", limit: thresholds.junk });
    return byScore(junkFinding(judging, chain, { cause: "spam", line }), thresholds.junk);
  }
  note(judging, () => ({ step: "score", outcome: "pass", detail: `${total} points: ${strongest(judging)}` }));
  return undefined;
}

function junkFinding(
  judging: Judging,
  chain: ScopeChain,
  { cause, line }: { readonly cause: "spam" | "dmarc"; readonly line: TraceLine },
): Finding {
  const action = settingValue(judging.state, chain, "junkAction") as JunkAction;
  const finding = refuse(judging, junkReasons[cause][action], "data", line);
  if (action !== "tag") return finding;
  return { ...finding, delivery: { subjectTag: settingValue(judging.state, chain, "subjectTag") as string } };
}
