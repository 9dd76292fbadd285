/** Writes docs/reference/policy-settings.md and verdict-reasons.md from libs/policy. */
import { mkdirSync, writeFileSync } from "node:fs";
import { policySettingsPage, verdictReasonsPage } from "@mailfold/policy";

const folder = new URL("../docs/reference/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("policy-settings.md", folder), policySettingsPage());
writeFileSync(new URL("verdict-reasons.md", folder), verdictReasonsPage());
