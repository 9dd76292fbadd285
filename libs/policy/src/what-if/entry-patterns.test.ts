import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Scope } from "@mailfold/domain";
import fc from "fast-check";
import { compilePolicy } from "../compiled-policy.ts";
import {
  authenticationOf,
  contentOf,
  entry,
  factsOf,
  foreignRecipient,
  localRecipient,
  mailboxScopeA,
  platformScope,
  scopeA,
  setting,
} from "../policy-test-world.ts";
import { parseSenderPattern } from "../sender-pattern.ts";
import type { EntryInput, Facts } from "../types.ts";
import { recordOf } from "./counterfactual-test-world.ts";
import { entryPatterns } from "./entry-patterns.ts";
import { judgeRecorded } from "./judge-recorded.ts";

const ips = ["192.0.2.7", "198.51.100.9", "2001:db8::7"];
const hosts = ["mail.ext.example", "ext.example", "Other.Example."];
const senders = ["joe@ext.example", "Eve@Sub.Ext.example", "a@other.example", ""];
const named = [
  ...ips,
  ...["192.0.2.0/24", "192.0.0.0/9", "0.0.0.0/0", "198.51.100.8/31", "2001:db8::/32", "2001:db8::/64", "::/0"],
  ...["mail.ext.example", "ext.example", "other.example"],
  ...["joe@ext.example", "eve@sub.ext.example", "@ext.example", "@sub.ext.example", "@other.example"],
  ...["@*ext.example", "@*t.example", "@*le", "@*.sub.ext.example", "@*other.example"],
];
const scopes: readonly Scope[] = [mailboxScopeA, scopeA, platformScope];
const entries: fc.Arbitrary<readonly EntryInput[]> = fc.array(
  fc
    .record({
      scope: fc.constantFrom(...scopes),
      list: fc.constantFrom("accept", "kill"),
      pattern: fc.constantFrom(...named),
      isExpired: fc.boolean(),
    })
    .map(({ isExpired, list, pattern, scope }) => ({
      ...entry(scope, list as "accept" | "kill", pattern),
      ...(isExpired ? { expiresAt: 1 } : {}),
    })),
  { maxLength: 8 },
);
const facts: fc.Arbitrary<Facts> = fc
  .record({
    ip: fc.constantFrom(...ips),
    origin: fc.constantFrom(undefined, null, ...ips.map((ip) => ({ ip }))),
    helo: fc.constantFrom(undefined, ...hosts),
    host: fc.constantFrom(undefined, ...hosts.map((name) => ({ status: "confirmed", name }) as const)),
    sender: fc.constantFrom(...senders),
    recipient: fc.constantFrom(localRecipient(), foreignRecipient),
    hasContent: fc.boolean(),
  })
  .map(({ hasContent, helo, host, ip, origin, recipient, sender }) =>
    factsOf({
      ip,
      recipient,
      sender: { address: sender, form: "plain" },
      ...(origin === undefined ? {} : { origin }),
      ...(helo === undefined ? {} : { helo }),
      ...(host === undefined ? {} : { host }),
      ...(hasContent ? { content: contentOf(sender, { authentication: authenticationOf() }) } : {}),
    }),
  );

describe("entryPatterns", () => {
  test("are canonical and few", () => {
    fc.assert(
      fc.property(facts, (all) => {
        const patterns = entryPatterns(all);
        assert.ok(patterns.length < 400);
        for (const pattern of patterns) {
          const parsed = parseSenderPattern(pattern);
          // Names without a dot cannot be written as patterns.
          if (!("problem" in parsed)) assert.equal(parsed.pattern, pattern);
        }
      }),
    );
  });

  test("no other entry changes a verdict or its trace", () => {
    const settings = [setting(platformScope, "trustedRelays", ["192.0.2.7"])];
    let decided = 0;
    fc.assert(
      fc.property(entries, facts, (all, seen) => {
        const whole = compilePolicy({ settings, entries: all, revision: "evt-last" });
        const recorded = recordOf(whole, seen);
        const patterns = new Set(entryPatterns(recorded.facts));
        const part = all.filter(({ pattern }) => patterns.has(pattern));
        const verdict = judgeRecorded(whole, recorded, { explain: true });
        assert.deepEqual(
          judgeRecorded(compilePolicy({ settings, entries: part, revision: "evt-last" }), recorded, { explain: true }),
          verdict,
        );
        if (part.length < all.length && /-listed$/.test(verdict?.reason ?? "")) decided += 1;
      }),
      { numRuns: 500 },
    );
    assert.ok(decided > 50, `entries decided only ${decided} times`);
  });
});
