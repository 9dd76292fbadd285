import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MailboxId } from "@mailfold/kernel";
import {
  contentOf,
  domainScopeA,
  entry,
  factsOf,
  foreignRecipient,
  loginOf,
  policyOf,
  scopeA,
  setting,
  tenantA,
  verdictOn,
} from "./policy-test-world.ts";
import type { CompiledPolicy, Facts } from "./types.ts";

const rcpt = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}) =>
  verdictOn(policy, "rcpt", factsOf(more));
const data = (policy: CompiledPolicy, more: Parameters<typeof factsOf>[0] = {}) =>
  verdictOn(policy, "data", factsOf(more));
const reply = (verdict: { code: number; enhancedCode: string; reason: string }) =>
  `${verdict.code} ${verdict.enhancedCode} ${verdict.reason}`;

describe("content", () => {
  const broken: readonly [Partial<NonNullable<Facts["content"]>>, string][] = [
    [{ bareLineEnd: true }, "550 5.6.11 bare-line-end"],
    [{ broken: true }, "554 5.6.0 content-broken"],
    [{ sizeBytes: 50 * 1_048_576 + 1 }, "552 5.3.4 size-exceeded"],
    [{ received: 101 }, "554 5.4.6 loop"],
    [{ deliveredTo: ["joe@a.example"] }, "554 5.4.6 loop"],
  ];
  test("shape, size and loops", () => {
    assert.equal(data(policyOf()).reason, "accepted");
    for (const [content, expected] of broken) {
      assert.equal(reply(data(policyOf(), { content: contentOf("joe@ext.example", content) })), expected);
    }
    assert.equal(
      data(policyOf(), { content: contentOf("x@y.z", { received: 100, deliveredTo: ["ann@a.example"] }) }).reason,
      "accepted",
    );
  });

  test("an alias loops when every mailbox behind it had the mail before", () => {
    const target = (name: string) => {
      return {
        mailboxId: `mbx_${name}` as MailboxId,
        address: `${name}@a.example`,
        suspended: false,
        overQuota: false,
      };
    };
    const { recipient } = factsOf();
    assert.ok(recipient && recipient.found.kind === "local");
    const found = { ...recipient.found, targets: [target("ann"), target("bob")] };
    const alias = { ...recipient, address: "team@a.example", found };
    const verdict = (...deliveredTo: readonly string[]) =>
      data(policyOf(), { recipient: alias, content: contentOf("x@y.z", { deliveredTo }) }).reason;
    assert.equal(verdict("ann@a.example"), "accepted");
    assert.equal(verdict("ann@a.example", "bob@a.example"), "loop");
    assert.equal(verdict("team@a.example"), "loop");
  });

  test("size by scope: declared at RCPT, real after DATA", () => {
    const policy = policyOf(setting(domainScopeA, "sizeLimitBytes", 70_000));
    const sender = { address: "joe@ext.example", form: "plain", declaredSizeBytes: 70_001 } as const;
    assert.equal(verdictOn(policy, "mail", factsOf({ sender })).reason, "accepted");
    assert.equal(rcpt(policy, { sender }).reason, "size-exceeded");
    assert.equal(data(policy, { content: contentOf("a@b.c", { sizeBytes: 70_001 }) }).scope, "dom_a");
    const huge = { ...sender, declaredSizeBytes: 60 * 1_048_576 };
    assert.equal(verdictOn(policy, "mail", factsOf({ sender: huge })).reason, "size-exceeded");
  });

  test("From and Reply-To", () => {
    const none = contentOf("", { from: [], fromCount: 0 });
    assert.equal(data(policyOf(), { content: none }).reason, "accepted");
    const always = policyOf(setting(scopeA, "requireFromOrReplyTo", "always"));
    assert.equal(data(always, { content: none }).reason, "header-missing");
    assert.equal(data(always, { content: contentOf("", { from: ["nonsense"] }) }).reason, "header-missing");
    assert.equal(data(always, { content: { ...none, replyTo: ["x@y.example"] } }).reason, "accepted");
    const relaying = policyOf(entry(scopeA, "accept", "192.0.2.7"));
    assert.equal(data(relaying, { content: none, recipient: foreignRecipient }).reason, "header-missing");
    const off = policyOf(entry(scopeA, "accept", "192.0.2.7"), setting(scopeA, "requireFromOrReplyTo", "off"));
    assert.equal(data(off, { content: none, recipient: foreignRecipient }).reason, "relay-accept-entry");
  });

  test("From must belong to the login, all of it, once", () => {
    const submit = (content: Partial<NonNullable<Facts["content"]>>, policy = policyOf()) =>
      data(policy, {
        login: loginOf(tenantA),
        listener: "submission",
        from: "joe@a.example",
        recipient: foreignRecipient,
        content: contentOf("joe@a.example", content),
      }).reason;
    assert.equal(submit({}), "relay-login");
    assert.equal(submit({ from: ["info@a.example"] }), "relay-login");
    assert.equal(submit({ from: ["joe@b.example"] }), "from-mismatch");
    assert.equal(submit({ from: ["joe@a.example", "ann@b.example"] }), "from-mismatch");
    assert.equal(submit({ fromCount: 2 }), "from-mismatch");
    assert.equal(submit({ from: [], fromCount: 1 }), "header-missing");
    assert.equal(submit({ from: [], fromCount: 1, replyTo: ["x@y.z"] }), "from-mismatch");
    assert.equal(
      submit({ from: ["joe@b.example"] }, policyOf(setting(scopeA, "senderMustMatchLogin", false))),
      "relay-login",
    );
  });
});
