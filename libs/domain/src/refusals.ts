import type { Refusal } from "@mailfold/kernel";

/** What docs/reference/refusals.md says of one code. */
export interface RefusalEntry {
  readonly meaning: string;
  /** What is allowed instead, or what to do. */
  readonly allowed: string;
  /** Whether the same request may succeed later without the caller changing it. */
  readonly retryable: boolean;
}

const entry = (meaning: string, allowed: string, retryable = false): RefusalEntry => ({ meaning, allowed, retryable });

/** Every code that a decider or the API answers. A code is never renamed and never gets another meaning. */
export const refusals = {
  // Input and existence
  INVALID_INPUT: entry("A field's value is not allowed.", "`path` names the field, `message` what it may hold."),
  NOT_FOUND: entry(
    "There is no such object, or it lies outside the caller's subtree: the two answer alike.",
    "Check the id; ask with a token whose scope holds the object.",
  ),
  ALREADY_EXISTS: entry("An object with this id exists.", "Leave the id to the system, or use another commandId."),
  EXTERNAL_ID_TAKEN: entry("Another object of the reseller has this externalId.", "Use a free externalId."),
  // Domains
  DOMAIN_INVALID: entry(
    "The name is not a mail domain.",
    "Two or more labels of letters, digits and inner hyphens, A-label form, at most 253 characters (RFC 1035 2.3.4).",
  ),
  DOMAIN_TAKEN: entry(
    "The name is claimed already.",
    "A claim that is not verified yields to proof: publish the TXT value given in `details` and add the name again.",
  ),
  DOMAIN_IS_PUBLIC_SUFFIX: entry(
    "The name is a public suffix: others register names under it.",
    "Add a registered name under the suffix.",
  ),
  DOMAIN_UNDER_OTHER_TENANT: entry(
    "The name lies under a domain of another tenant.",
    "Have that tenant add the name, or remove its domain.",
  ),
  DOMAIN_NOT_PROVEN: entry(
    "The TXT record does not hold the value made for this tenant.",
    "Publish the value at `_mailfold.<name>`; DNS may take a while to show it.",
    true,
  ),
  DOMAIN_IN_USE: entry("Mailboxes or aliases still stand in the domain.", "Delete them first."),
  // Addresses
  ADDRESS_INVALID: entry(
    "The address cannot be hosted.",
    "local@domain: ASCII dot-atom of at most 64 octets, A-label domain, at most 254 octets (RFC 5321 4.5.3.1), no % ! or quotes.",
  ),
  ADDRESS_TAKEN: entry(
    "A mailbox or alias stands at the address.",
    "Choose a free address, or delete what stands there. A claim without a mailbox is free after 60 s.",
  ),
  ALIAS_TARGET_UNKNOWN: entry("A target is not a mailbox of the tenant.", "Targets are live mailboxes of one tenant."),
  // Mailboxes
  MAILBOX_DELETED: entry("The mailbox is deleted.", "Restore it first."),
  MAILBOX_SUSPENDED: entry("The mailbox is suspended and takes no mail.", "Resume it first."),
  MAILBOX_FULL: entry("The mailbox is over its quota.", "Have its user make room, or raise the quota.", true),
  // Quarantine
  HOLD_SETTLED: entry(
    "The held copy came to an end before: released, deleted, delivered or refused.",
    "`details.status` says which; a released copy is in the mailbox.",
  ),
  HOLD_EXPIRED: entry("The held copy's time is over.", "quarantineDays says how long copies are kept."),
  // Policy
  SETTING_UNKNOWN: entry("There is no such setting.", "docs/reference/policy-settings.md lists them."),
  SETTING_INVALID: entry("The setting does not take this value.", "`message` says what it takes."),
  SETTING_NOT_AT_SCOPE: entry("The setting cannot be set at this scope.", "Set it at a wider scope."),
  UNLOCK_REQUIRED: entry(
    "The value is risky and the platform has not unlocked it.",
    "Ask the platform operator to add it to `unlocks`.",
  ),
  SETTING_LOCKED: entry(
    "A scope above has locked the setting for all scopes below it.",
    "`details.limitedAt` says which kind of scope; ask who administers it.",
  ),
  SETTING_OUT_OF_BOUND: entry(
    "A scope above bounds the setting, and the value lies outside.",
    "`message` says what may be chosen, `details.limitedAt` which kind of scope bounds it.",
  ),
  LIMIT_INVALID: entry(
    "The setting cannot be limited like that at this scope.",
    "`{locked: true}`, or for numbers min and max, for words `allowed`; a scope limits what scopes below it may set.",
  ),
  RULE_INVALID: entry(
    "The processing rule cannot be read.",
    "`path` leads into the rule, `message` says what is allowed; docs/reference/processing-rules.md.",
  ),
  CONTENT_UNAVAILABLE: entry(
    "The message's content cannot be read: none is kept of mail that was refused, deleted or sent on, or reading it takes too long.",
    "Name a message that is delivered, held, or still queued.",
  ),
  PATTERN_INVALID: entry(
    "The pattern is not one that this list takes.",
    "IP, CIDR, host, user@host, @host, @*suffix; `message` says what is wrong.",
  ),
  LISTING_OF_PLATFORM: entry(
    "The listing stands on the platform's learned blacklist, which the caller does not manage.",
    "For your own mail, accept the sender (`senderEntryAdd`), or do without that list (`learning.use` = false).",
  ),
  SHADOWS_FULL: entry(
    "The scope runs as many shadows as it may.",
    "Promote or drop one (`shadows` lists them); at most 4 run at once.",
  ),
  // Tokens
  TOKEN_REVOKED: entry("The token was revoked.", "Create another one."),
  // Commands and reading
  COMMAND_REUSED: entry(
    "The commandId was used with other input or another secret.",
    "Use a new commandId for a new command.",
  ),
  CONFLICT: entry("Others changed the object at the same time, several times over.", "Send the command again.", true),
  PROJECTION_LAGGING: entry("The views have not reached `waitFor` within 5 s.", "Ask again.", true),
  POSITION_INVALID: entry("The position or cursor is not one that Mailfold made.", "Pass positions on unchanged."),
  CURSOR_OTHER_LOG: entry(
    "The position belongs to another history of the log: a backup was restored since.",
    "Read again from the start or from a time.",
  ),
  POSITION_BELOW_FLOOR: entry(
    "Events at this position have expired.",
    "Start later, or narrow the filter to types that are kept.",
  ),
  SIMULATION_FAILED: entry(
    "A change could not be tried on recorded traffic.",
    "Try again; if it happens again, look into the log of the platform.",
    true,
  ),
  AS_OF_OUT_OF_RANGE: entry(
    "The moment asked for lies outside the log: before its first event, or in the future.",
    "`message` names the first and last moment that can be asked for.",
  ),
  UNDO_CONFLICT: entry(
    "What is to be undone was changed again since, or was undone already.",
    "`details.event` names the later event: undo that one first, or set what you want.",
  ),
  UNDO_UNSUPPORTED: entry(
    "Events of this kind cannot be undone.",
    "Changes of settings, limits, rules, list entries and pardons can; `details.type` says what this event is.",
  ),
  REFERENCE_UNKNOWN: entry(
    "No verdict with this reference, or not in the caller's subtree.",
    "References end in `vrd_…`; verdicts expire after 90 days.",
  ),
  UNAVAILABLE: entry("A part that the command needs is overloaded or not ready.", "Send the command again.", true),
  // Top-level errors of the API
  UNAUTHENTICATED: entry("No valid token came with the request.", "`Authorization: Bearer mf_…`."),
  FORBIDDEN: entry("The token's kind may not do this.", "Use a token of a wider scope."),
  THROTTLED: entry("Too many requests.", "Wait for Retry-After.", true),
  BAD_REQUEST: entry("The request is not a valid GraphQL request, or breaks a limit.", "`message` says which."),
  INTERNAL: entry("A fault or bug of ours.", "Send it again; give support the requestId.", true),
} as const satisfies Record<string, RefusalEntry>;

/** A catalogued code. */
export type RefusalCode = keyof typeof refusals;
/** A refusal with a catalogued code. */
export type DomainRefusal = Refusal<RefusalCode>;

/** docs/reference/refusals.md as it must read. */
export function renderRefusalReference(): string {
  const rows = Object.entries(refusals).map(
    ([code, { meaning, allowed, retryable }]) =>
      `| \`${code}\` | ${cell(meaning)} | ${cell(allowed)} | ${retryable ? "yes" : "no"} |`,
  );
  return `${introduction}\n${rows.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

const introduction = `# Refusals

Generated from the catalogue in libs/domain by \`node scripts/generate-event-docs.ts\`; a test fails when they differ.

A refusal is an answer, not a fault: a code, a message for people, the input field (\`path\`) and facts (\`details\`).
*Retry* = the same request may succeed later, unchanged.

| code | meaning | what is allowed | retry |
|---|---|---|---|`;
