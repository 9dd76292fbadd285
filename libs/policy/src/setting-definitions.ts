import type { SettingValue } from "@mailfold/domain";
import { contentSettings } from "./content-settings.ts";
import { learningSettings } from "./learning-settings.ts";
import { relaySettings } from "./relay-settings.ts";
import { sessionSettings } from "./session-settings.ts";
import type { SettingDefinition } from "./setting-definition.ts";

export { type SettingDefinition, scopeKinds } from "./setting-definition.ts";

const table = [...relaySettings, ...sessionSettings, ...contentSettings, ...learningSettings] as const;

/** Every setting there is, in the order of docs/reference/policy-settings.md. */
export const settingDefinitions: readonly SettingDefinition[] = table;
/** Names of settings. */
export type SettingName = (typeof table)[number]["name"];

const byName = new Map<string, SettingDefinition>(
  settingDefinitions.map((definition) => [definition.name, definition]),
);

/** The definition of a setting, undefined when there is none of that name. */
export function settingDefinition(name: string): SettingDefinition | undefined {
  return byName.get(name);
}

/** The warning that belongs to a value of a setting, if any. */
export function settingWarning(name: string, value: SettingValue): string | undefined {
  return byName.get(name)?.warnings?.find((warning) => warning.value === value)?.text;
}
