import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ShadowId } from "@mailfold/kernel";
import { compilePolicy, emptyPolicy, type Facts, type PolicyChange } from "@mailfold/policy";
import { createLogger, createMetrics } from "@mailfold/telemetry";
import type { FetchFacts } from "../fact-source.ts";
import type { Judged } from "../judge.ts";
import { judgeShadows } from "./judge-shadows.ts";
import type { RunningShadow } from "./shadow-source.ts";
import { ShadowTime } from "./shadow-time.ts";

const scope = { kind: "tenant", id: "ten_a" as never } as const;
const domain = {
  domainId: "dom_a",
  tenantId: "ten_a",
  resellerId: "rsl_1",
  name: "a.example",
  verified: true,
  tenantInboundOff: false,
  tenantSubmissionOff: false,
} as never;
const targets = [{ mailboxId: "mbx_a" as never, address: "joe@a.example", suspended: false, overQuota: false }];
const facts: Facts = {
  at: 1_000,
  listener: "mx",
  ip: "192.0.2.7",
  tls: true,
  helo: "mail.ext.example",
  host: { status: "confirmed", name: "mail.ext.example" },
  heloName: { status: "found", name: "mail.ext.example" },
  senderDomain: { status: "found", name: "ext.example" },
  spf: { result: "fail", identity: "mailfrom", domain: "ext.example" },
  sender: { address: "joe@ext.example", form: "plain" },
  recipient: { address: "joe@a.example", form: "plain", found: { kind: "local", domain, targets }, acceptedBefore: 0 },
};
const policy = compilePolicy({ settings: [{ scope, name: "quarantineDays", value: 9, byEvent: "evt-1" }] });
const judged: Judged = { facts, verdict: policy.evaluate("rcpt", facts).verdict ?? assert.fail() };
const nothing: FetchFacts = (_missing, known) => known;
const metrics = createMetrics();
const depsOf = (running: ReadonlyMap<string, readonly RunningShadow[]> | undefined) => {
  return { shadows: { running: () => running }, metrics, log: createLogger("silent") };
};
const counted = async (outcome: string) => {
  const { values } = await metrics.shadowVerdicts.get();
  return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
};

/** What shadows with these changes make of the mail. */
async function shadowsOf(
  all: readonly (readonly PolicyChange[])[],
  more: {
    readonly fetch?: FetchFacts;
    readonly at?: string;
    readonly expiresAt?: number;
    readonly of?: Judged;
    readonly time?: ShadowTime;
  } = {},
) {
  const { at = "ten_a", expiresAt = 2_000, fetch = nothing, of = judged } = more;
  const running = new Map([
    [at, all.map((changes, index) => ({ shadowId: `shd_${index}` as ShadowId, changes, expiresAt }))],
  ]);
  const told = await judgeShadows(of, {
    deps: depsOf(running),
    policy,
    phase: "rcpt",
    fetch: () => fetch,
    time: more.time,
  });
  assert.equal(told.verdict, of.verdict, "what is done stays what it was");
  return told.shadows;
}

describe("judgeShadows", () => {
  test("tells what differs, and that the rest is the same", async () => {
    assert.equal(judged.verdict.action, "accept");
    const changes: readonly (readonly PolicyChange[])[] = [
      [{ set: { spf: "reject" } }],
      [{ set: { spf: "off" } }],
      [{ entryAdd: { list: "kill", pattern: "@ext.example" } }],
    ];
    assert.deepEqual(await shadowsOf(changes), [
      { shadowId: "shd_0", action: "reject", reason: "spf-failed" },
      { shadowId: "shd_1" },
      { shadowId: "shd_2", action: "reject", reason: "kill-listed" },
    ]);
  });

  test("leaves alone what runs elsewhere, is over, or has become impossible", async () => {
    const reject: readonly PolicyChange[] = [{ set: { spf: "reject" } }];
    assert.equal(await shadowsOf([reject], { at: "ten_b" }), undefined);
    assert.equal(await shadowsOf([reject], { expiresAt: 1_000 }), undefined);
    const gone: PolicyChange = { entryRemove: { list: "kill", pattern: "@gone.example" } };
    assert.deepEqual(await shadowsOf([[gone], reject]), [
      { shadowId: "shd_1", action: "reject", reason: "spf-failed" },
    ]);
    const none = { deps: depsOf(undefined), policy: emptyPolicy(), phase: "rcpt", fetch: () => nothing };
    assert.equal(await judgeShadows(judged, none as Parameters<typeof judgeShadows>[1]), judged);
  });

  test("of another tenant that hosts the sender tells nothing: its report would say what the recipient's policy did", async () => {
    const reject: readonly PolicyChange[] = [{ set: { spf: "reject" } }];
    const owner = { ...(domain as object), domainId: "dom_b", tenantId: "ten_b", name: "b.example" } as never;
    const hosted = { ...facts, senderOwner: { domain: owner, isAddress: true } };
    const of = { facts: hosted, verdict: policy.evaluate("rcpt", hosted).verdict ?? assert.fail() };
    assert.equal(await shadowsOf([reject], { of, at: "ten_b" }), undefined);
    assert.equal((await shadowsOf([reject], { of, at: "rsl_1" }))?.length, 1);
    assert.equal((await shadowsOf([reject], { of }))?.length, 1);
  });

  test("asks for what the changes want to know besides; a fault or silence is no word of the shadow", async () => {
    const zone = { zone: "bl.example", trusted: true };
    const lists: readonly (readonly PolicyChange[])[] = [[{ set: { dnsbl: [zone] } }]];
    const listed: FetchFacts = (missing, known) => ({
      ...known,
      dnsLists: (missing.zones ?? []).map((each) => ({ zone: each.zone, result: "listed" })),
    });
    assert.deepEqual(await shadowsOf(lists, { fetch: listed }), [
      { shadowId: "shd_0", action: "reject", reason: "dns-listed" },
    ]);
    const faulty: FetchFacts = () => Promise.reject(new Error("no network"));
    assert.deepEqual(await shadowsOf(lists, { fetch: faulty }), [{ shadowId: "shd_0" }]);
    const silent: FetchFacts = () => new Promise(() => {});
    assert.deepEqual(await shadowsOf(lists, { fetch: silent, time: new ShadowTime(50) }), [{ shadowId: "shd_0" }]);
  });

  test("waits once for all recipients of a message", async () => {
    const lists: readonly (readonly PolicyChange[])[] = [[{ set: { dnsbl: [{ zone: "bl.example", trusted: true }] } }]];
    let asked = 0;
    const silent: FetchFacts = () => {
      asked += 1;
      return new Promise(() => {});
    };
    const time = new ShadowTime(300);
    const startedAt = performance.now();
    for (let recipient = 0; recipient < 20; recipient += 1) {
      assert.deepEqual(await shadowsOf(lists, { fetch: silent, time }), [{ shadowId: "shd_0" }]);
    }
    assert.equal(asked, 1);
    assert.ok(performance.now() - startedAt < 2_000);
  });

  test("that throws is left out, and counted; the verdict and the other shadows stand", async () => {
    const broken = [{ set: null }] as unknown as readonly PolicyChange[];
    const before = [await counted("failed"), await counted("different"), await counted("same")];
    assert.deepEqual(await shadowsOf([broken, [{ set: { spf: "reject" } }], [{ set: { spf: "off" } }]]), [
      { shadowId: "shd_1", action: "reject", reason: "spf-failed" },
      { shadowId: "shd_2" },
    ]);
    const after = [await counted("failed"), await counted("different"), await counted("same")];
    assert.deepEqual(
      after.map((value, index) => value - (before[index] ?? 0)),
      [1, 1, 1],
    );
    const gone = { ...depsOf(undefined), shadows: { running: () => assert.fail("the view is closed") } };
    const judging = { deps: gone, policy, phase: "rcpt", fetch: () => nothing } as const;
    assert.equal(await judgeShadows(judged, judging), judged);
  });
});
