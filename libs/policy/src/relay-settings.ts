import { checkBoolean, checkOneOf, checkRelayAddresses, checkSubsetOf } from "./setting-checks.ts";
import type { SettingDefinition } from "./setting-definition.ts";

/** Who may send through this server, and as whom. */
export const relaySettings = [
  {
    name: "relayMode",
    phases: ["rcpt"],
    lowestScope: "tenant",
    defaultValue: "none",
    values: "`none`, `addresses`, `localHosts`, `localUsers`, `anyone`",
    meaning:
      "Who may relay without a login: nobody, peers in relayAddresses, peers whose forward-confirmed host name lies in an own verified domain, senders that are an own mailbox, or anyone (a tenant's own verified senders; at platform scope any sender). A login relays in every mode. Accept entries at tenant scope and above relay, too; where this setting or relayAddresses is locked above an entry, it only accepts mail.",
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
      "Peers that may relay without a login in relayMode `addresses`. Locked here, accept entries of the scopes below do not open relaying either. At platform scope also never denied for protocol abuse.",
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
