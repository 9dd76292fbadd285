import { checkAddresses, checkLearningThresholds } from "./list-setting-checks.ts";
import { checkBoolean, checkInteger, checkShare } from "./setting-checks.ts";
import type { SettingDefinition } from "./setting-definition.ts";

/** What blacklists learn from, and what they do. At platform scope: of the platform's list, and the default of all tenants. */
export const learningSettings = [
  {
    name: "learning.enabled",
    phases: ["connect", "data"],
    lowestScope: "tenant",
    defaultValue: true,
    values: "true, false",
    meaning: "The scope's own blacklist learns from evidence, and what it lists is deferred or refused.",
    check: checkBoolean,
  },
  {
    name: "learning.give",
    phases: ["any"],
    lowestScope: "tenant",
    defaultValue: true,
    values: "true, false",
    meaning:
      "What happens to the tenant's mail is evidence for the platform's blacklist, too; others see it as a count.",
    check: checkBoolean,
  },
  {
    name: "learning.use",
    phases: ["connect", "data"],
    lowestScope: "tenant",
    defaultValue: true,
    values: "true, false",
    meaning: "The platform's blacklist counts for the tenant's mail.",
    check: checkBoolean,
  },
  {
    name: "learning.thresholds",
    phases: ["any"],
    lowestScope: "tenant",
    defaultValue: { defer: 5, reject: 10 },
    values: "an object of `defer` and `reject`: points from 0.5 to 40, rising in this order",
    meaning:
      "Points from which the scope's blacklist defers a sender's mail, and from which it refuses it. A listing ends below half of them.",
    check: checkLearningThresholds,
  },
  {
    name: "learning.minSpamShare",
    phases: ["any"],
    lowestScope: "tenant",
    defaultValue: 0.5,
    values: "a number from 0 to 0.99",
    meaning:
      "Share of spam in a sender's mail that must be exceeded beyond chance (Wilson's lower bound) before it is listed.",
    check: checkShare,
  },
  {
    name: "learning.halfLifeHours",
    phases: ["any"],
    lowestScope: "tenant",
    defaultValue: 168,
    values: "a whole number from 1 to 2160",
    meaning: "Hours in which the points of a sender fade by half.",
    check: checkInteger(1, 2_160),
  },
  {
    name: "spamTraps",
    phases: ["rcpt"],
    lowestScope: "domain",
    defaultValue: [],
    values: "a list of at most 200 addresses",
    meaning:
      "Addresses that nobody has ever used. Mail to them is refused like that to any unknown address, and is strong evidence against its sender. An address that exists is no trap.",
    check: checkAddresses(200),
  },
] as const satisfies readonly SettingDefinition[];
