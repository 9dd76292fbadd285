import { type SettingValue, scopeId } from "@mailfold/domain";
import type { Delivery, RuleScopeKind, RulesFact } from "./content-facts.ts";
import type { RecipientOutcome } from "./evaluate-recipient.ts";
import { ask, type Finding, type Judging, note, refuse, totalPoints } from "./judging.ts";
import { chainOf, rulesAlong } from "./policy-state.ts";
import type { TraceLine } from "./types.ts";

/** Whether a rule, as it is stored, runs in a direction. */
function runs(rule: SettingValue, direction: "inbound" | "outbound"): boolean {
  if (rule === null || typeof rule !== "object" || Array.isArray(rule)) return false;
  const { direction: own = "inbound", enabled } = rule as { readonly [key: string]: SettingValue };
  return enabled !== false && own === direction;
}

/** Asks for the rules of the recipient's scopes, or the outbound ones of the sending tenant and above, where there are any. */
export function askRules(judging: Judging, outcome: RecipientOutcome): void {
  if (judging.facts.content?.rules !== undefined) return;
  const { isAccepted, path, route } = outcome;
  const direction = route === "relay" ? "outbound" : "inbound";
  const scopes = rulesAlong(judging.state, chainOf(path));
  if (!scopes.some(({ rules }) => rules.some((rule) => runs(rule, direction)))) return;
  ask(judging, "rules", { path, ...(isAccepted ? {} : { score: totalPoints(judging) }) });
}

type PlacedAction = RulesFact["actions"][number];

function ruleLine(
  judging: Judging,
  { path }: RecipientOutcome,
  of: { readonly rule: string; readonly scope: RuleScopeKind; readonly outcome: TraceLine["outcome"] },
): TraceLine {
  const set = rulesAlong(judging.state, chainOf(path)).find(({ scope }) => scope.kind === of.scope);
  const matched = judging.facts.content?.rules?.matched.find(
    ({ rule, scope }) => rule === of.rule && scope === of.scope,
  );
  const because = matched?.line === undefined ? "" : `: ${matched.line}`;
  return {
    step: "rules",
    outcome: of.outcome,
    setting: "rules",
    ...(set === undefined ? {} : { setAtScope: scopeId(set.scope), byEvent: set.byEvent }),
    detail: `rule "${of.rule}"${because}`,
  };
}

/** What a rule decides on the whole copy: a refusal, quarantine or discarding. A relayed copy can only be refused. */
export function checkRules(judging: Judging, outcome: RecipientOutcome): Finding | undefined {
  const rules = judging.facts.content?.rules;
  if (rules === undefined) return undefined;
  for (const { rule, scope } of rules.undecided) {
    note(judging, () => {
      const line = ruleLine(judging, outcome, { rule, scope, outcome: "skip" });
      return { ...line, detail: `${line.detail} ran out of time` };
    });
  }
  for (const { rule, scope } of rules.matched) {
    note(judging, () => ruleLine(judging, outcome, { rule, scope, outcome: "match" }));
  }
  const placed = rules.actions.find(({ action }) => isDisposition(action));
  if (placed === undefined) return undefined;
  const { action, rule, scope } = placed;
  if (action.do === "reject" || outcome.route === "relay") {
    const finding = refuse(
      judging,
      "rule-rejected",
      "data",
      ruleLine(judging, outcome, { rule, scope, outcome: "refuse" }),
    );
    const text = action.do === "reject" ? replyText(action.text) : undefined;
    return text === undefined ? finding : { ...finding, text };
  }
  const reason = action.do === "quarantine" ? "rule-quarantined" : "rule-discarded";
  return refuse(judging, reason, "data", ruleLine(judging, outcome, { rule, scope, outcome: "match" }));
}

function isDisposition({ do: name }: PlacedAction["action"]): boolean {
  return name === "reject" || name === "quarantine" || name === "discard";
}

/** A rule's own words, when they fit into one line of a reply (RFC 5321 4.2). */
function replyText(text: string | undefined): string | undefined {
  return text !== undefined && /^[ -~]{1,255}$/.test(text) && text.trim() !== "" ? text : undefined;
}

/** Whether rules may send a taken copy on: mail of a domain that is not known to be its tenant's stays, and the trace says so. */
export function mayBeSentOn(judging: Judging): boolean {
  const { content, recipient } = judging.facts;
  const found = recipient?.found;
  if (found?.kind !== "local" || found.domain.verified) return true;
  const { domainId, name } = found.domain;
  for (const { action, rule } of content?.rules?.actions ?? []) {
    if (action.do !== "forward" && action.do !== "redirect") continue;
    const detail = `rule "${rule}": not sent on, ${name} is not verified`;
    note(judging, () => ({ step: "rules", outcome: "skip", setAtScope: domainId, detail }));
  }
  return false;
}

/**
 * How the rules want a taken copy delivered, `base` added; undefined when they have no wish. `isHeld`: it lies in quarantine,
 * so nothing is copied.
 */
export function deliveryOf(
  rules: RulesFact | undefined,
  base: Delivery | undefined,
  { isHeld, maySendOn }: { readonly isHeld: boolean; readonly maySendOn: boolean },
): Delivery | undefined {
  if (rules === undefined || rules.actions.length === 0) return base;
  const all = rules.actions.map(({ action }) => action);
  const folder = all.findLast((action) => action.do === "file");
  const copies = isHeld ? [] : all.flatMap((action) => (action.do === "copy" ? [action.folder] : []));
  const headers = all.flatMap((action) => (action.do === "header" ? [{ name: action.name, value: action.value }] : []));
  const tags = all.flatMap((action) => (action.do === "tag" ? [action.text] : []));
  if (base?.subjectTag !== undefined) tags.unshift(base.subjectTag);
  const flags = all.flatMap((action) => (action.do === "flag" ? [action.flag] : []));
  const sentOn = (name: "forward" | "redirect"): readonly string[] =>
    maySendOn ? all.flatMap((action) => (action.do === name ? action.to : [])) : [];
  const forwardTo = sentOn("forward");
  const redirectTo = sentOn("redirect");
  const delivery: Delivery = {
    ...(folder?.do === "file" ? { folder: folder.folder } : {}),
    ...(copies.length === 0 ? {} : { copies: [...new Set(copies)] }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(tags.length === 0 ? {} : { subjectTag: [...new Set(tags)].join(" ") }),
    ...(flags.length === 0 ? {} : { flags: [...new Set(flags)] }),
    ...(forwardTo.length === 0 ? {} : { forwardTo }),
    ...(redirectTo.length === 0 ? {} : { redirectTo }),
  };
  return Object.keys(delivery).length === 0 ? undefined : delivery;
}
