import type { LimitCheck, Scope, SettingBound, SettingLimit, SettingValue } from "@mailfold/domain";
import { boundKindOf, describeBound, isWithin } from "./setting-bound.ts";
import { type SettingDefinition, scopeKinds, settingDefinition, settingDefinitions } from "./setting-definitions.ts";

/** What validateLimit answers: the canonical limit to store, or what is wrong and what is allowed. */
export type LimitValidation =
  | { readonly ok: true; readonly limit: SettingLimit }
  | { readonly ok: false; readonly code: "SETTING_UNKNOWN" | "LIMIT_INVALID"; readonly problem: string };

/** Words that one bound may name. */
const allowedMax = 20;

function refused(problem: string): LimitValidation & { readonly ok: false } {
  return { ok: false, code: "LIMIT_INVALID", problem };
}

/** Whether scopes of a kind have scopes below them that may set the setting. */
function placeProblem(name: string, scopeKind: Scope["kind"]): (LimitValidation & { readonly ok: false }) | undefined {
  const definition = settingDefinition(name);
  if (definition === undefined) {
    const names = settingDefinitions.map((known) => known.name).join(", ");
    return { ok: false, code: "SETTING_UNKNOWN", problem: `there is no setting "${name}"; known are ${names}` };
  }
  if (scopeKinds.indexOf(scopeKind) < scopeKinds.indexOf(definition.lowestScope)) return undefined;
  return refused(`${name} cannot be set below ${scopeKind} scope, so there is nothing to limit`);
}

/**
 * Checks what a scope of a kind leaves to the scopes below: `{locked: true}`, for numbers min and max, for words
 * `allowed`. Refuses unknown settings, what no scope below may set, and bounds on values that the setting never takes.
 */
export function validateLimit(name: string, limit: unknown, scopeKind: Scope["kind"]): LimitValidation {
  const misplaced = placeProblem(name, scopeKind);
  const definition = settingDefinition(name);
  if (misplaced !== undefined || definition === undefined) return misplaced ?? refused(name);
  if (typeof limit !== "object" || limit === null || Array.isArray(limit)) {
    return refused(`${name}: ${formOf(definition)}`);
  }
  const { locked, ...bound } = limit as Readonly<Record<string, unknown>>;
  if (locked === true && Object.keys(bound).length === 0) return { ok: true, limit: { locked: true } };
  if (locked !== undefined) return refused(`${name}: ${formOf(definition)}`);
  return boundKindOf(definition) === "range" ? checkRange(definition, bound) : checkChoice(definition, bound);
}

function formOf(definition: SettingDefinition): string {
  const bounds = { range: ", or min, max or both", choice: ", or allowed: a list of values", none: "" };
  return `a limit is an object: locked: true${bounds[boundKindOf(definition)]}`;
}

function checkRange(definition: SettingDefinition, bound: Readonly<Record<string, unknown>>): LimitValidation {
  const { name } = definition;
  const ends = Object.entries(bound);
  if (ends.length === 0) return refused(`${name}: ${formOf(definition)}`);
  for (const [end, value] of ends) {
    if (end !== "min" && end !== "max") return refused(`${name}: ${formOf(definition)}`);
    const checked = definition.check(value as SettingValue, "platform");
    if ("problem" in checked) return refused(`${name}: ${end} ${checked.problem}`);
    if (definition.zeroIsUnlimited === true && value === 0) {
      return refused(`${name}: 0 means no limit there, so as ${end} it bounds nothing`);
    }
  }
  const { min, max } = bound as { readonly min?: number; readonly max?: number };
  if (min !== undefined && max !== undefined && min > max) return refused(`${name}: min is above max`);
  return {
    ok: true,
    limit: { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) },
  };
}

function checkChoice(definition: SettingDefinition, bound: Readonly<Record<string, unknown>>): LimitValidation {
  const { name } = definition;
  const { allowed, ...more } = bound;
  const isChoice = boundKindOf(definition) === "choice" && Array.isArray(allowed) && Object.keys(more).length === 0;
  if (!isChoice) return refused(`${name}: ${formOf(definition)}`);
  if (allowed.length === 0 || allowed.length > allowedMax) {
    return refused(`${name}: allowed names 1 to ${allowedMax} values; use locked: true to leave no choice`);
  }
  const values = new Set<string | number | boolean>();
  for (const value of allowed) {
    const checked = definition.check(value as SettingValue, "platform");
    if ("problem" in checked) return refused(`${name}: allowed ${checked.problem}`);
    values.add(checked.value as string | number | boolean);
  }
  return { ok: true, limit: { allowed: [...values] } };
}

/** The check of limits that the policySettings decider takes, for one kind of scope. Store the limits of validateLimit. */
export function limitCheck(scopeKind: Scope["kind"]): LimitCheck {
  return (name, limit) => {
    if (limit === undefined) {
      const isKnown = settingDefinition(name) !== undefined;
      return isKnown ? undefined : { code: "SETTING_UNKNOWN", message: `there is no setting ${name}` };
    }
    const checked = validateLimit(name, limit, scopeKind);
    return checked.ok ? undefined : { code: checked.code, message: checked.problem };
  };
}

/** Limits of one scope, as its stream has them. */
export interface LimitsOfScope {
  readonly kind: Scope["kind"];
  readonly limits: Readonly<Record<string, SettingLimit>>;
}

/** What a scope above forbids of a choice, and which kind of scope. */
export interface LimitProblem {
  readonly code: "SETTING_LOCKED" | "SETTING_OUT_OF_BOUND";
  readonly message: string;
  readonly limitedAt: Scope["kind"];
}

/** Whether the scopes above, widest first, leave a value to choose; undefined = they do. */
export function checkLimitsAbove(
  name: string,
  value: SettingValue,
  above: readonly LimitsOfScope[],
): LimitProblem | undefined {
  const zeroIsUnlimited = settingDefinition(name)?.zeroIsUnlimited === true;
  for (const { kind, limits } of above) {
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
    if (limit === undefined) continue;
    if (limit.locked === true) {
      return { code: "SETTING_LOCKED", message: `${name} is locked at ${kind} scope`, limitedAt: kind };
    }
    const bound: SettingBound = limit;
    if (!isWithin(value, bound, zeroIsUnlimited)) {
      const message = `${name}: ${kind} scope allows ${describeBound(bound)}`;
      return { code: "SETTING_OUT_OF_BOUND", message, limitedAt: kind };
    }
  }
  return undefined;
}
