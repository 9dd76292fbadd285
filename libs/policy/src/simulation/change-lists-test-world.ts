import fc from "fast-check";
import type { PolicyChange } from "../what-if/policy-change.ts";
import { subjects } from "./simulation-test-world.ts";

const patterns = [
  "192.0.2.7",
  "192.0.2.0/24",
  "10.0.0.7",
  "joe@ext.example",
  "@ext.example",
  "@*example",
  "mail.ext.example",
  "mx.a.example",
  "@a.example",
];
const change: fc.Arbitrary<PolicyChange> = fc.oneof(
  fc
    .record({
      list: fc.constantFrom<"accept" | "kill">("accept", "kill"),
      pattern: fc.constantFrom(...patterns),
      expiresAt: fc.constantFrom(undefined, 800, 5_000),
    })
    .map(({ expiresAt, ...entry }) => ({ entryAdd: { ...entry, ...(expiresAt === undefined ? {} : { expiresAt }) } })),
  fc
    .record({ list: fc.constantFrom<"accept" | "kill">("accept", "kill"), pattern: fc.constantFrom(...patterns) })
    .map((entryRemove) => ({ entryRemove })),
  fc
    .constantFrom(
      { spamThresholds: { junk: 2 } },
      { spamThresholds: { junk: 3, quarantine: 5, reject: 6.5 } },
      { junkAction: "quarantine" },
      { sizeLimitBytes: 2_500 },
      { maxRecipientsPerMessage: 3 },
      { relayMode: "addresses", relayAddresses: ["192.0.2.7"] },
      { relayMode: "localHosts" },
      { refuseNullSender: true },
      { spf: "reject" },
      { verifyHelo: "reject" },
      { dmarc: "score" },
      { dmarc: "honour" },
      { dnsbl: [{ zone: "bl.test", trusted: true }] },
      { dmarc: "off" },
      { greylist: 300 },
      { trustedRelays: ["192.0.2.0/24"] },
      { trustedSealers: ["list.example"] },
      { virusAction: "discard" },
      { spamScanner: false },
      { classifier: false },
      { contentChecks: [] },
      { requireFromOrReplyTo: "always" },
      { recipientsPerHour: 2 },
      { "learning.enabled": false },
      { spamTraps: ["ghost@a.example"] },
    )
    .map((set) => ({ set })),
  fc
    .constantFrom("spamThresholds", "relayMode", "relayAddresses", "trustedRelays", "dmarc", "sizeLimitBytes")
    .map((name) => ({ unset: [name] })),
  fc.constantFrom(...subjects).map((pardon) => ({ pardon })),
);

/** Changes of one scope. */
export const changeLists = fc.array(change, { minLength: 1, maxLength: 5, size: "max" });
