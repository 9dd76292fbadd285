import type { SettingCheck as DeciderCheck, Scope, SettingValue } from "@mailfold/domain";
import { scopeKinds, settingDefinition, settingDefinitions, settingWarning } from "./setting-definitions.ts";

/** What validateSetting answers: the canonical value to store, or what is wrong and what is allowed. */
export type SettingValidation =
  | { readonly ok: true; readonly value: SettingValue; readonly warning?: string }
  | { readonly ok: false; readonly code: SettingProblemCode; readonly problem: string };
/** Refusal codes of settings, as in docs/reference/refusals.md. */
export type SettingProblemCode = "SETTING_UNKNOWN" | "SETTING_INVALID" | "SETTING_NOT_AT_SCOPE" | "UNLOCK_REQUIRED";

/** Who asks: `unlocked` is the platform's `unlocks` in force. */
export interface SettingContext {
  readonly unlocked: readonly string[];
}

function refused(code: SettingProblemCode, problem: string): SettingValidation & { readonly ok: false } {
  return { ok: false, code, problem };
}

function placeProblem(
  name: string,
  scopeKind: Scope["kind"],
): (SettingValidation & { readonly ok: false }) | undefined {
  const definition = settingDefinition(name);
  if (!definition) {
    const names = settingDefinitions.map((known) => known.name).join(", ");
    return refused("SETTING_UNKNOWN", `there is no setting "${name}"; known are ${names}`);
  }
  if (scopeKinds.indexOf(scopeKind) > scopeKinds.indexOf(definition.lowestScope)) {
    return refused("SETTING_NOT_AT_SCOPE", `${name} cannot be set below ${definition.lowestScope} scope`);
  }
  return undefined;
}

/**
 * Checks a value for a setting at a kind of scope and answers its canonical form. Refuses unknown names, scopes below
 * the setting's lowest, values of the wrong type or range, and values that the platform has not unlocked.
 */
export function validateSetting(
  name: string,
  value: SettingValue,
  scopeKind: Scope["kind"],
  context: SettingContext,
): SettingValidation {
  const misplaced = placeProblem(name, scopeKind);
  const definition = settingDefinition(name);
  if (misplaced || !definition) return misplaced ?? refused("SETTING_UNKNOWN", name);
  const checked = definition.check(value, scopeKind);
  if ("problem" in checked) return refused("SETTING_INVALID", `${name}: ${checked.problem}`);
  const { value: canonical } = checked;
  if (
    typeof canonical === "string" &&
    definition.locked?.includes(canonical) &&
    !context.unlocked.includes(canonical)
  ) {
    return refused(
      "UNLOCK_REQUIRED",
      `${name}: "${canonical}" is locked; the platform opens it by the setting unlocks`,
    );
  }
  const warning = settingWarning(name, canonical);
  return { ok: true, value: canonical, ...(warning === undefined ? {} : { warning }) };
}

/** The check that the policySettings decider takes, for one kind of scope. Store the values of validateSetting, not the raw ones. */
export function settingCheck(scopeKind: Scope["kind"], context: SettingContext): DeciderCheck {
  return (name, value) => {
    const misplaced = placeProblem(name, scopeKind);
    if (misplaced) return { code: misplaced.code, message: misplaced.problem };
    if (value === undefined) return undefined;
    const checked = validateSetting(name, value, scopeKind, context);
    return checked.ok ? undefined : { code: checked.code, message: checked.problem };
  };
}
