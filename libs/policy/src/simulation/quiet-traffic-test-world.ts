import type { MailboxId } from "@mailfold/kernel";
import fc from "fast-check";
import { compilePolicy } from "../compiled-policy.ts";
import {
  authenticationOf,
  contentOf,
  domainB,
  factsOf,
  type Lookups,
  localRecipient,
  platformScope,
  setting,
} from "../policy-test-world.ts";
import type { CompiledPolicy, Facts } from "../types.ts";
import type { RecordedVerdict } from "./fact-segment.ts";
import {
  contentSettings,
  contents,
  listings,
  lookupsOf,
  peerSettings,
  rawFound,
  recordedOf,
  variantsOf,
} from "./simulation-test-world.ts";

/** Tenant B's mailbox. */
const recipientB: NonNullable<Facts["recipient"]> = {
  address: "joe@b.example",
  form: "plain",
  acceptedBefore: 0,
  found: {
    kind: "local",
    domain: domainB,
    targets: [{ mailboxId: "mbx_b" as MailboxId, address: "joe@b.example", suspended: false, overQuota: false }],
  },
};

/** A policy that lists nobody of quietTraffic but few; what decides is what was found out. */
export const quietPolicies: fc.Arbitrary<CompiledPolicy> = fc
  .tuple(
    fc.array(fc.oneof(contentSettings, peerSettings), { maxLength: 5, size: "max" }),
    fc.array(listings, { minLength: 1, maxLength: 2 }),
    fc.boolean(),
  )
  .map(([settings, listed, asks]) => {
    const zones = setting(platformScope, "dnsbl", [{ zone: "bl.test", weight: 2 }]);
    return compilePolicy({ settings: asks ? [zones, ...settings] : settings, listings: listed });
  });

/** So many are welcome. */
export const welcomeMails = 3;

const welcome: Lookups = {
  ...{ counters: {}, dnsLists: {}, greylist: "known", heloName: "found", senderDomain: "found", spf: "pass" },
  host: { status: "confirmed", name: "mail.other.example" },
  tenantsOff: [],
  authentication: authenticationOf({
    spf: { result: "pass", identity: "mailfrom", domain: "other.example" },
    dmarc: { result: "pass", domain: "other.example", policy: "none" },
  }),
  scan: { rspamd: { status: "scanned", score: -1, action: "no action", symbols: [] }, clamav: { status: "clean" } },
  classifier: { verdict: "ham", probability: 0.1, tokens: [] },
  findings: [],
};

/** Mail to tenant B that every quiet policy takes; numbered from an index on. */
export function welcomeTraffic(policy: CompiledPolicy, index = 0): readonly RecordedVerdict[] {
  return Array.from({ length: welcomeMails }, (_, n) => {
    const from = `friend${n}@other.example`;
    const facts = factsOf({ ip: "198.51.100.250", from, recipient: recipientB, content: contentOf(from) });
    return recordedOf(policy, facts, welcome, index + n);
  });
}

/** Mail of many strangers to two mailboxes: one mail, and all that differ from it in one thing and in names; and mail that is welcome. */
export function quietTraffic(policy: CompiledPolicy): fc.Arbitrary<readonly RecordedVerdict[]> {
  return fc.tuple(rawFound, contents, fc.array(contents, { maxLength: 5 })).map(([raw, content, others]) => {
    const usual = { content, to: localRecipient(), ip: "", from: "" };
    const mails = [
      ...variantsOf(raw).map((each) => ({ ...usual, raw: each })),
      ...others.map((each) => ({ ...usual, raw, content: each })),
      { ...usual, raw, to: recipientB },
      { ...usual, raw, to: localRecipient({ overQuota: true }) },
      { ...usual, raw, ip: "192.0.2.7" },
      { ...usual, raw, from: "joe@ext.example" },
    ];
    const strange = mails.map((mail, index) => {
      const facts = factsOf({
        ip: mail.ip || `198.51.100.${index}`,
        from: mail.from || `s${index}@d${index}.example`,
        helo: `h${index}.example`,
        recipient: mail.to,
        content: mail.content,
      });
      return recordedOf(policy, facts, lookupsOf(mail.raw), index);
    });
    return [...strange, ...welcomeTraffic(policy, strange.length)];
  });
}
