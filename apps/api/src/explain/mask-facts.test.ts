import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newId } from "@mailfold/ids";
import type { Caller } from "../caller.ts";
import { hiddenScope, maskFacts, maskLine, maskTrace } from "./mask-facts.ts";

const own = newId("tenant");
const foreign = newId("tenant");
const caller: Caller = { subject: "s", tokenId: "t", name: "n", scope: { kind: "tenant", id: own }, context: {} };
const domain = (tenantId: string) => ({ domainId: "dom_1", tenantId, name: "x.example", verified: true });

describe("maskFacts", () => {
  test("leaves the reader's own facts as they are", () => {
    const facts = {
      ip: "192.0.2.1",
      senderOwner: { domain: domain(own), isAddress: true },
      recipient: { address: "a@x.example", found: { kind: "local", domain: domain(own), targets: [] } },
      relayTenant: own,
    };
    assert.deepEqual(maskFacts(caller, facts), facts);
  });

  test("makes what is another tenant's read like what is not hosted here", () => {
    const facts = {
      host: { status: "confirmed", name: "mx.x.example", owner: domain(foreign) },
      senderOwner: { domain: domain(foreign), isAddress: true },
      login: { tenantId: foreign, address: "a@x.example" },
      recipient: { address: "a@x.example", found: { kind: "local", domain: domain(foreign), targets: [] } },
      relayTenant: foreign,
    };
    const masked = maskFacts(caller, facts);
    assert.deepEqual(masked, {
      host: { status: "confirmed", name: "mx.x.example", owner: null },
      senderOwner: null,
      login: null,
      recipient: { address: "a@x.example", found: { kind: "foreign" } },
    });
    assert.equal(JSON.stringify(masked).includes(foreign), false);
  });

  const filters = {
    rules: {
      actions: [{ action: { do: "forward", to: ["secret@elsewhere.example"] }, rule: "secret rule", scope: "tenant" }],
      matched: [{ rule: "secret rule", scope: "tenant", line: "secret line" }],
      undecided: [],
    },
    classifier: { verdict: "spam", probability: 0.99, tokens: ["secret token"] },
    findings: [{ check: "phrases", name: "deny", score: 3, detail: "secret phrase" }],
    scan: { rspamd: { status: "scanned", score: 3, action: "no action", symbols: ["secret symbol"] } },
  };
  const message = { sizeBytes: 9, from: ["a@own.example"], broken: false };

  test("shows nothing of what a foreign recipient's policy asked for or found", () => {
    const facts = {
      ip: "192.0.2.1",
      login: { tenantId: own, address: "a@own.example" },
      dnsLists: [{ zone: "secret.example", result: "clear" }],
      greylist: { status: "secret" },
      origin: { ip: "192.0.2.77" },
      recipient: { address: "b@x.example", found: { kind: "local", domain: domain(foreign), targets: [] } },
      content: { ...message, ...filters },
    };
    assert.deepEqual(maskFacts(caller, facts), {
      ip: "192.0.2.1",
      login: { tenantId: own, address: "a@own.example" },
      recipient: { address: "b@x.example", found: { kind: "foreign" } },
      content: message,
    });
  });

  test("shows the own filters; of rules above only that there was one", () => {
    const recipient = { address: "b@x.example", found: { kind: "local", domain: domain(own), targets: [] } };
    const facts = { recipient, content: { ...message, ...filters } };
    assert.deepEqual(maskFacts(caller, facts), facts);
    const matched = [{ rule: "secret rule", scope: "platform", line: "secret line" }];
    const actions = [{ action: { do: "forward", to: ["x@y.example"] }, rule: "secret rule", scope: "reseller" }];
    const above = { recipient, content: { ...message, rules: { actions, matched, undecided: matched } } };
    const hidden = { rule: hiddenScope, scope: hiddenScope };
    assert.deepEqual(maskFacts(caller, above), {
      recipient,
      content: {
        ...message,
        rules: { actions: [{ ...hidden, action: { do: "forward" } }], matched: [hidden], undecided: [hidden] },
      },
    });
  });
});

describe("maskTrace", () => {
  const score = { step: "score", outcome: "pass", detail: "3 points: phrases/deny" } as const;
  const size = { step: "size", outcome: "pass", setAtScope: "default", detail: "9 octets" } as const;
  const sender = { step: "sender", outcome: "pass", setAtScope: "default", detail: "form" } as const;
  const limit = { step: "rate", outcome: "refuse", setAtScope: own, detail: "9" } as const;
  const mayName = (scope: string) => scope === own || scope === "default";

  test("of a foreign recipient's policy shows only that it decided", () => {
    const reader = { mayName, isOutsider: true };
    const hidden = { step: "score", outcome: "pass", setAtScope: hiddenScope };
    assert.deepEqual(maskTrace([sender, size, score, limit, score], reader), [sender, limit, hidden]);
    assert.deepEqual(maskLine(score, reader), hidden);
  });

  test("is whole where the recipient is the reader's", () => {
    const reader = { mayName, isOutsider: false };
    const lines = [sender, size, score, limit];
    assert.deepEqual(maskTrace(lines, reader), lines);
    assert.equal(maskLine({ ...score, setAtScope: "platform" }, reader).detail, undefined);
  });
});
