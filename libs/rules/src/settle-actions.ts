import type { Rule, RuleAction, RuleScope } from "./rule.ts";
import { ruleLimits } from "./rule.ts";

/** An action and the rule that asked for it. */
export interface PlacedAction {
  readonly action: Exclude<RuleAction, { readonly do: "stop" }>;
  readonly rule: string;
  readonly scope: RuleScope;
}

/** An action that is not done, and why. */
export interface DroppedAction extends PlacedAction {
  readonly why: /** A rule before it decided on refusing, holding or discarding. */
    | "decided-above"
    /** A rule nearer to the mailbox names another folder. */
    | "filed-below"
    /** Held, refused or discarded mail is never sent on. */
    | "held"
    /** All its targets are sent to already, or there are too many. */
    | "targets-spent";
}

/**
 * Makes the actions of all matching rules fit together: the first of reject, quarantine and discard stands (scopes above
 * win); the last folder stands (the mailbox knows best); mail that is held is not sent on; at most 20 targets.
 */
export function settleActions(
  matched: readonly { readonly rule: Rule; readonly scope: RuleScope }[],
  held: boolean,
): { readonly actions: readonly PlacedAction[]; readonly dropped: readonly DroppedAction[] } {
  const placed = matched.flatMap(({ rule, scope }) =>
    rule.actions.flatMap((action) => (action.do === "stop" ? [] : [{ action, rule: rule.name, scope }])),
  );
  const disposition = placed.findIndex(({ action }) => isDisposition(action));
  const folder = placed.findLastIndex(({ action }) => action.do === "file");
  const targets = new Set<string>();
  const actions: PlacedAction[] = [];
  const dropped: DroppedAction[] = [];
  placed.forEach((entry, index) => {
    const { action } = entry;
    if (isDisposition(action) && index !== disposition) dropped.push({ ...entry, why: "decided-above" });
    else if (action.do === "file" && index !== folder) dropped.push({ ...entry, why: "filed-below" });
    else if (action.do !== "forward" && action.do !== "redirect") actions.push(entry);
    else if (held || disposition >= 0) dropped.push({ ...entry, why: "held" });
    else {
      const to = action.to.filter((address) => takeTarget(targets, address));
      if (to.length > 0) actions.push({ ...entry, action: { ...action, to } });
      if (to.length < action.to.length) {
        const rest = action.to.filter((address) => !to.includes(address));
        dropped.push({ ...entry, action: { ...action, to: rest }, why: "targets-spent" });
      }
    }
  });
  return { actions, dropped };
}

function isDisposition(action: RuleAction): boolean {
  return action.do === "reject" || action.do === "quarantine" || action.do === "discard";
}

function takeTarget(targets: Set<string>, address: string): boolean {
  const key = address.toLowerCase();
  if (targets.has(key) || targets.size >= ruleLimits.targets) return false;
  targets.add(key);
  return true;
}
