import type { Scope, SettingValue } from "@mailfold/domain";
import {
  type CheckSetting,
  checkBanners,
  checkBoolean,
  checkInteger,
  checkOneOf,
  checkRelayAddresses,
  checkSubsetOf,
  checkTightenOnly,
} from "./setting-checks.ts";
import type { Phase } from "./types.ts";

/** Scopes from the widest to the narrowest. */
export const scopeKinds = ["platform", "reseller", "tenant", "domain", "mailbox"] as const;
/** Scopes at which settings can be set today; the others slot in by joining this list. */
export const scopesInForce: readonly Scope["kind"][] = ["platform", "tenant", "domain"];

/** One row of the settings table: what docs, validation and inheritance all read. */
export interface SettingDefinition {
  readonly name: string;
  readonly phases: readonly (Phase | "any" | "auth")[];
  /** Narrowest scope at which it may be set; `platform` for what belongs to a listener (one port). */
  readonly lowestScope: Scope["kind"];
  readonly defaultValue: SettingValue;
  /** Allowed values, in words. */
  readonly values: string;
  readonly meaning: string;
  readonly check: CheckSetting;
  /** Values that need a word in the platform's `unlocks`. */
  readonly locked?: readonly string[];
  /** Said to whoever sets, or reads, a risky value. */
  readonly warnings?: readonly { readonly value: SettingValue; readonly text: string }[];
}

const day = 86_400;
const mebibyte = 1_048_576;

const table = [
  {
    name: "relayMode",
    phases: ["rcpt"],
    lowestScope: "tenant",
    defaultValue: "none",
    values: "`none`, `addresses`, `localHosts`, `localUsers`, `anyone`",
    meaning:
      "Who may relay without a login: nobody, peers in relayAddresses, peers whose forward-confirmed host name lies in an own verified domain, senders that are an own mailbox, or anyone (a tenant's own verified senders; at platform scope any sender). A login relays in every mode.",
    check: checkOneOf("none", "addresses", "localHosts", "localUsers", "anyone"),
    locked: ["localUsers", "anyone"],
    warnings: [
      { value: "localUsers", text: "Sender addresses are easily forged: whoever knows a mailbox's address can relay." },
      {
        value: "anyone",
        text: "OPEN RELAY: every host on the Internet can send through this server; expect to be blocklisted within hours.",
      },
    ],
  },
  {
    name: "relayAddresses",
    phases: ["rcpt"],
    lowestScope: "tenant",
    defaultValue: [],
    values: "a list of IPs and CIDRs; below platform scope no wider than /24 (IPv6 /48)",
    meaning:
      "Peers that may relay without a login in relayMode `addresses`. At platform scope also never denied for protocol abuse.",
    check: checkRelayAddresses,
  },
  {
    name: "refuseNullSender",
    phases: ["mail"],
    lowestScope: "tenant",
    defaultValue: false,
    values: "true, false",
    meaning: "Refuses mail from the null sender `<>`.",
    check: checkBoolean,
    warnings: [
      { value: true, text: "Breaks bounces and delivery reports, which must use the null sender (RFC 5321 4.5.5)." },
    ],
  },
  {
    name: "requireFromOrReplyTo",
    phases: ["data"],
    lowestScope: "tenant",
    defaultValue: "relayed",
    values: "`off`, `relayed`, `always`",
    meaning: "Refuses mail without a valid address in From or Reply-To: never, when the mail is to leave, or always.",
    check: checkOneOf("off", "relayed", "always"),
  },
  {
    name: "maxCommandLength",
    phases: ["any"],
    lowestScope: "platform",
    defaultValue: 512,
    values: "512 to 12288 octets",
    meaning:
      "Longest SMTP command line, CRLF included, outside DATA; what advertised extensions add comes on top (RFC 5321 4.5.3.1.4), AUTH lines may have 12,288 octets (RFC 4954 4).",
    check: checkInteger(512, 12_288),
  },
  {
    name: "overlongAction",
    phases: ["any"],
    lowestScope: "platform",
    defaultValue: "reject",
    values: "`reject`, `deny`",
    meaning:
      "What an over-long command leads to: an error reply, or closing and denying that IPv4 /32 or IPv6 /64 for denyDuration; never loopback, trusted proxies, platform relayAddresses or authenticated sessions.",
    check: checkOneOf("reject", "deny"),
  },
  {
    name: "denyDuration",
    phases: ["any"],
    lowestScope: "platform",
    defaultValue: 3_600,
    values: "60 to 604800 seconds",
    meaning: "How long a denial lasts, in seconds.",
    check: checkInteger(60, 7 * day),
  },
  {
    name: "vrfy",
    phases: ["any"],
    lowestScope: "platform",
    defaultValue: 252,
    values: "252, 502, `local`",
    meaning: "Reply to VRFY: cannot verify, not implemented, or the truth about own addresses.",
    check: checkOneOf(252, 502, "local"),
    warnings: [{ value: "local", text: "Lets strangers find out which addresses exist." }],
  },
  {
    name: "expn",
    phases: ["any"],
    lowestScope: "platform",
    defaultValue: 502,
    values: "252, 502, `local`",
    meaning: "Reply to EXPN: cannot verify, not implemented, or an own alias's targets.",
    check: checkOneOf(252, 502, "local"),
    warnings: [{ value: "local", text: "Lets strangers find out who is behind an alias." }],
  },
  {
    name: "banners",
    phases: ["connect"],
    lowestScope: "platform",
    defaultValue: {},
    values: "an object with any of `smtp`, `imap`, `pop3`: 1 to 400 printable ASCII characters",
    meaning: "Words after the host name in greetings; product and version are only said if written here.",
    check: checkBanners,
  },
  {
    name: "maxRecipientsPerMessage",
    phases: ["rcpt"],
    lowestScope: "mailbox",
    defaultValue: 100,
    values: "1 to 10000",
    meaning: "Recipients of one transaction; further ones get 452 4.5.3 and are tried again by the sender.",
    check: checkInteger(1, 10_000),
  },
  {
    name: "senderMustMatchLogin",
    phases: ["mail", "data"],
    lowestScope: "tenant",
    defaultValue: true,
    values: "true, false",
    meaning: "MAIL FROM and every From address must belong to the login: its address or an alias of it.",
    check: checkBoolean,
    warnings: [
      { value: false, text: "Every login can send under any name, but never as another tenant's verified domain." },
    ],
  },
  {
    name: "requireTls",
    phases: ["auth"],
    lowestScope: "tenant",
    defaultValue: true,
    values: "true, false (false only at platform scope)",
    meaning: "Logins only over TLS.",
    check: checkTightenOnly,
    warnings: [{ value: false, text: "Passwords cross the network in clear text." }],
  },
  {
    name: "sizeLimitBytes",
    phases: ["mail", "data"],
    lowestScope: "mailbox",
    defaultValue: 50 * mebibyte,
    values: "65536 to 268435456 octets",
    meaning: "Largest message, in octets.",
    check: checkInteger(65_536, 256 * mebibyte),
  },
  {
    name: "unlocks",
    phases: ["any"],
    lowestScope: "platform",
    defaultValue: [],
    values: "a list of any of `localUsers`, `anyone`, `trustUnverified`",
    meaning:
      "Risky features that lower scopes may use. Without its word here such a feature neither can be set nor has any effect.",
    check: checkSubsetOf("localUsers", "anyone", "trustUnverified"),
    warnings: [],
  },
] as const satisfies readonly SettingDefinition[];

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
