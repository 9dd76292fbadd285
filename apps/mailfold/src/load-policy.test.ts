import assert from "node:assert/strict";
import { test } from "node:test";
import type { Position, RecordedEvent, TenantId } from "@mailfold/kernel";
import { applyPolicyEvent, type CompiledPolicy, emptyPolicy, type Facts } from "@mailfold/policy";
import { policyIndex } from "@mailfold/projection-policy-index";
import { MemoryRows, type ProjectionStatus } from "@mailfold/read-store";
import { loadPolicy } from "./load-policy.ts";

const position = (n: number) => String(n).padStart(16, "0") as Position;
const tenantId = "ten_a" as TenantId;
const scope = { kind: "tenant", id: tenantId } as const;

function event(n: number, type: string, data: unknown): RecordedEvent {
  const metadata = { actor: { type: "platform", id: "tok" }, tenantId } as const;
  return { id: `evt-${n}`, type, stream: `s-${n}`, revision: 0, position: position(n), occurredAt: n, data, metadata };
}

/** 2,500 kill entries (more than two pages), some removed again; settings set and changed; one denial in force, one over. */
const history: readonly RecordedEvent[] = [
  ...Array.from({ length: 2_500 }, (_, n) =>
    event(n + 1, "SenderEntryAdded", { entryId: `sle_${n}`, scope, list: "kill", pattern: `@spam${n}.example` }),
  ),
  event(3_001, "SenderEntryRemoved", { entryId: "sle_7", scope, list: "kill", pattern: "@spam7.example" }),
  event(3_002, "PolicySettingsChanged", { scope, set: { maxRecipientsPerMessage: 5 }, unset: [] }),
  event(3_003, "PolicySettingsChanged", { scope, set: { maxRecipientsPerMessage: 7 }, unset: [] }),
  event(3_004, "PolicyLimitsChanged", {
    scope: { kind: "platform" },
    set: { maxRecipientsPerMessage: { max: 6 }, virusScanner: { locked: true } },
    unset: [],
  }),
  event(3_005, "IpDenied", { prefix: "192.0.2.1/32", reason: "command-too-long", until: 10_000 }),
  event(3_006, "IpDenied", { prefix: "192.0.2.2/32", reason: "command-too-long", until: 4_000 }),
];

function reasonFor(policy: CompiledPolicy, sender: string): string {
  const domain = {
    domainId: "dom_a",
    tenantId,
    resellerId: "rsl_a",
    name: "a.test",
    verified: true,
    tenantInboundOff: false,
    tenantSubmissionOff: false,
  };
  const targets = [{ mailboxId: "mbx_a", address: "u@a.test", suspended: false, overQuota: false }];
  const facts = {
    at: 5_000,
    listener: "mx",
    // Private: nothing is looked up about it.
    ip: "10.0.0.1",
    tls: false,
    helo: "x.example",
    sender: { address: sender, form: "plain" },
    senderOwner: null,
    recipient: { address: "u@a.test", form: "plain", acceptedBefore: 0, found: { kind: "local", domain, targets } },
  } as unknown as Facts;
  const { verdict } = policy.evaluate("rcpt", facts);
  return verdict?.reason ?? "needs more";
}

test("the policy from rows is the policy from events, page by page; what comes later is applied on top", async () => {
  const rows = new MemoryRows([policyIndex]);
  for (const each of history) rows.append(each);
  const status = { name: policyIndex.name, state: "running", position: position(3_006) } as ProjectionStatus;
  const reader = {
    status: () => [status],
    get: rows.get.bind(rows),
    selectAsync: async (...query: Parameters<MemoryRows["select"]>) => rows.select(...query),
  };
  const loaded = await loadPolicy(reader, { now: () => 5_000 });
  const folded = history.reduce(applyPolicyEvent, emptyPolicy());
  assert.equal(loaded.policy.value({ tenantId }, "maxRecipientsPerMessage"), 6);
  assert.equal(loaded.position, position(3_006));
  assert.equal(loaded.policy.revision, folded.revision);
  assert.deepEqual(loaded.policy.effective({ tenantId }), folded.effective({ tenantId }));
  for (const n of [0, 7, 999, 1_000, 1_001, 2_499]) {
    assert.equal(reasonFor(loaded.policy, `x@spam${n}.example`), n === 7 ? "accepted" : "kill-listed");
  }
  assert.deepEqual(loaded.policy.denial("192.0.2.1", 5_000), folded.denial("192.0.2.1", 5_000));
  assert.ok(loaded.policy.denial("192.0.2.1", 5_000));
  assert.equal(loaded.policy.denial("192.0.2.2", 5_000), undefined);
  // Rows may have moved on while they were read: the last events come again and change nothing.
  const again = history.slice(-4).reduce(applyPolicyEvent, loaded.policy);
  assert.deepEqual(again.effective({ tenantId }), folded.effective({ tenantId }));
});

test("without rows to trust it begins at the start of the log", async () => {
  for (const state of ["rebuilding", "parked"] as const) {
    const status = { name: policyIndex.name, state, position: position(9) } as ProjectionStatus;
    const reader = {
      status: () => [status],
      get: () => undefined,
      selectAsync: () => Promise.reject(new Error("not asked")),
    };
    assert.equal((await loadPolicy(reader, { now: () => 0 })).position, "");
  }
});
