import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  contentOf,
  entry,
  factsOf,
  loginOf,
  policyOf,
  scopeA,
  scopeB,
  setting,
  tenantA,
  tenantB,
  verdictOn,
} from "./policy-test-world.ts";
import type { CompiledPolicy } from "./types.ts";

const rcpt = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}) =>
  verdictOn(policy, "rcpt", factsOf(more));
const data = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}) =>
  verdictOn(policy, "data", factsOf(more));

describe("whose a verdict is", () => {
  test("a verdict on another tenant's login is the recipient's, unless the sender broke its own rules or limits", () => {
    const login = { login: loginOf(tenantB), listener: "submission", from: "joe@b.example" } as const;
    const content = contentOf("joe@b.example");
    assert.equal(rcpt(policyOf(), login).tenantId, tenantA);
    assert.equal(data(policyOf(), { ...login, content }).tenantId, tenantA);
    const killed = rcpt(policyOf(entry(scopeA, "kill", "joe@b.example")), login);
    assert.deepEqual([killed.reason, killed.tenantId], ["kill-listed", tenantA]);
    const mismatch = rcpt(policyOf(), { ...login, from: "eve@b.example" });
    assert.deepEqual([mismatch.reason, mismatch.tenantId], ["sender-mismatch", tenantB]);
    const limited = policyOf(setting(scopeB, "recipientsPerHour", 1));
    const over = rcpt(limited, { ...login, counters: { mailboxRecipients: 1 } });
    assert.deepEqual([over.reason, over.tenantId], ["rate-limited-mailbox", tenantB]);
  });
});
