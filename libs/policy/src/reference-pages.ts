import type { ReasonDefinition } from "./reason-definition.ts";
import { reasons } from "./reasons.ts";
import { scoreSources, scoreWeights } from "./score-weights.ts";
import { boundKindOf } from "./setting-bound.ts";
import { type SettingDefinition, settingDefinitions } from "./setting-definitions.ts";

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const made = "<!-- Made by `node scripts/generate-policy-docs.ts` from libs/policy; a test compares the two. -->";

/** Which limits scopes above may put on a setting. */
function limitsOf(setting: SettingDefinition): string {
  if (setting.lowestScope === "platform") return "";
  return { range: "lock, min, max", choice: "lock, allowed", none: "lock" }[boundKindOf(setting)];
}

/** Text of docs/reference/policy-settings.md. */
export function policySettingsPage(): string {
  const rows = settingDefinitions.map((setting) => [
    `\`${setting.name}\``,
    setting.phases.join(", "),
    setting.lowestScope,
    `\`${JSON.stringify(setting.defaultValue)}\``,
    setting.values,
    setting.locked ? setting.locked.map((word) => `\`${word}\``).join(", ") : "",
    limitsOf(setting),
    setting.meaning,
  ]);
  const risky = settingDefinitions.flatMap((setting) =>
    (setting.warnings ?? []).map(({ value, text }) => [`\`${setting.name}\``, `\`${JSON.stringify(value)}\``, text]),
  );
  return `# Policy settings

${made}

A setting is unset (it inherits from the scope above) or set at a scope: platform, reseller, tenant, domain or mailbox. The
narrowest scope that sets it wins. "Lowest scope" is the narrowest at which it may be set; \`platform\` settings belong to the
listeners. A locked value needs its word in the platform's \`unlocks\`, and stops having any effect when the word is taken away.

${table(["setting", "phase", "lowest scope", "default", "values", "locked values", "limit", "meaning"], rows)}

## Locks and bounds

A scope may limit what all scopes below it choose, with \`limits\` of \`policyUpdate\` or \`mailfold policy set --lock/--bound\`;
"limit" in the table says which limits a setting takes:

- \`{"locked": true}\`: nobody below may set it. Every setting that scopes below may set can be locked. Locked \`rules\` keep rules
  of the scopes below from running.
- \`{"min": 65536, "max": 20971520}\`, one or both, for numbers. Where 0 means "no limit" it counts as the largest number.
- \`{"allowed": ["none", "addresses"]}\` for words, true and false.

A limit counts for values that were set below before it, too: under a lock the value that the locking scope itself has is in
force; a number goes to the nearest one within the bounds of all scopes above, also when it is inherited; a word that is not
allowed gives way to the value of the scope above. Where the limits of two scopes exclude each other, the wider scope's counts.
A scope's own limit does not bind its own value. A lock on \`relayMode\` or \`relayAddresses\` holds for the accept lists of
the scopes below, too: their entries accept mail, but do not open relaying. Lifting a limit (\`unsetLimits\`, \`--unlock\`) brings back what was set below.
Setting a value that a scope above does not leave to choose is refused: \`SETTING_LOCKED\`, \`SETTING_OUT_OF_BOUND\`; what was set
may always be unset. The refusal is a courtesy read from the log, not the guard: limits count whenever a setting is resolved, so a
value that came in the same instant as its lock has no effect, in whatever order the two were recorded.

\`\`\`
$ mailfold policy set sizeLimitBytes=20971520 --bound sizeLimitBytes=65536..20971520 --lock virusScanner --scope rsl_...
$ mailfold policy set --bound relayMode=none,addresses --unlock virusScanner --scope rsl_...
$ mailfold policy show --scope ten_...
\`\`\`

\`mailfold policy show\` and \`effectivePolicy\` say in \`limit\` what the scopes above leave to choose, in \`limitBelow\` what the
scope itself leaves to those below. A limit from above the reader's own subtree shows as \`platform policy\`, without its event.

## Risky values

${table(["setting", "value", "warning"], risky)}
`;
}

/** Text of docs/reference/verdict-reasons.md. */
export function verdictReasonsPage(): string {
  const fixed = Object.entries(scoreWeights).map(([name, { points, setting, when }]) => [
    `\`${name}\``,
    String(points),
    `\`${setting}\``,
    when,
  ]);
  const others = scoreSources.map(({ name, points, setting, when }) => [name, points, `\`${setting}\``, when]);
  const rows = Object.entries<ReasonDefinition>(reasons).map(([name, reason]) => [
    `\`${name}\``,
    reason.action,
    `${reason.code} ${reason.enhancedCode}`,
    reason.text,
    reason.phase,
    reason.meaning,
    reason.remedy,
  ]);
  return `# Reasons of verdicts

${made}

Every verdict names one reason of this closed list. A rejection's reply ends in a reference that \`mailfold explain\` resolves.

${table(["reason", "action", "reply", "text", "phase", "meaning", "what an administrator can do"], rows)}

## Points

What adds to a message's score, by the names that a verdict's parts and its decisive line show. A failed look-up adds nothing,
a peer in a private network and a login are not looked up, and an accept entry spares from all of it.

${table(["part", "points", "setting", "when"], [...fixed, ...others])}
`;
}
