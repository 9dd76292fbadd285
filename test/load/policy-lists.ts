/**
 * Measures big sender lists: `node --expose-gc test/load/policy-lists.ts [entries]` prints, for lists of IPs, CIDRs and
 * addresses, octets an entry, the time of one more entry, and the median and p99 of a decision at RCPT.
 */
import {
  applyPolicyEvent,
  type CompiledPolicy,
  emptyPolicy,
  type Facts,
  policyEventTypes,
} from "../../libs/policy/src/index.ts";

const entries = Number(process.argv[2] ?? 1_000_000);
const tenantId = "ten_00000000000000000000000001";
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
const random = randomOf(42);
const int = (below: number): number => Math.floor(random() * below);

function entryId(): string {
  let text = `sle_${int(8)}`;
  for (let i = 0; i < 25; i++) text += alphabet.charAt(int(32));
  return text;
}
function uuid(): string {
  const hex = (digits: number): string => Array.from({ length: digits }, () => int(16).toString(16)).join("");
  return `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;
}
const ipv4 = (): string => `${1 + int(223)}.${int(256)}.${int(256)}.${int(256)}`;
const makers = {
  ip: ipv4,
  cidr: () => {
    const length = 16 + int(17);
    const word = (int(0x1_0000_0000) & (0xffffffff << (32 - length))) >>> 0;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}/${length}`;
  },
  ipv6cidr: () => {
    const hex = (): string => int(65_536).toString(16);
    return random() < 0.5 ? `2001:${hex()}:${hex()}::/48` : `2001:${hex()}:${hex()}:${hex()}::/64`;
  },
  address: () => `user${int(100_000_000)}@mail${int(10_000)}.example`,
};

function heapBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function added(policy: CompiledPolicy, pattern: string): CompiledPolicy {
  return applyPolicyEvent(policy, {
    id: uuid(),
    type: policyEventTypes[1],
    stream: "senderentry-x",
    revision: 0,
    position: "" as never,
    occurredAt: 1,
    data: { entryId: entryId(), scope: { kind: "tenant", id: tenantId }, list: "kill", pattern },
    metadata: { actor: { type: "system", id: "load" } },
  });
}

function factsFor(ip: string, sender: string): Facts {
  const domain = {
    domainId: "dom_1" as never,
    tenantId: tenantId as never,
    resellerId: "rsl_1" as never,
    name: "own.example",
    verified: true,
    tenantInboundOff: false,
    tenantSubmissionOff: false,
  };
  const target = { mailboxId: "mbx_1" as never, address: "a@own.example", suspended: false, overQuota: false };
  return {
    at: 2,
    listener: "mx",
    ip,
    tls: false,
    helo: "mail.sender.example",
    sender: { address: sender, form: "plain" },
    recipient: {
      address: "a@own.example",
      form: "plain",
      found: { kind: "local", domain, targets: [target] },
      acceptedBefore: 0,
    },
  };
}

function measure(kind: keyof typeof makers): void {
  const before = heapBytes();
  const startedAt = performance.now();
  let policy = emptyPolicy();
  for (let i = 0; i < entries; i++) policy = added(policy, makers[kind]());
  const foldMs = performance.now() - startedAt;
  const bytes = (heapBytes() - before) / entries;
  let worstAddMs = 0;
  for (let i = 0; i < 1_000; i++) {
    const start = performance.now();
    policy = added(policy, makers[kind]());
    worstAddMs = Math.max(worstAddMs, performance.now() - start);
  }
  const times: number[] = [];
  let killed = 0;
  for (let i = 0; i < 50_000; i++) {
    const ip = kind === "ipv6cidr" ? makers.ipv6cidr().replace(/::.*/, "::1") : ipv4();
    const facts = factsFor(ip, makers.address());
    const start = performance.now();
    const { verdict } = policy.evaluate("rcpt", facts);
    times.push((performance.now() - start) * 1_000);
    if (verdict?.reason === "kill-listed") killed++;
  }
  times.sort((a, b) => a - b);
  const us = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
  console.log(
    `${kind.padEnd(9)} ${entries} entries: ${bytes.toFixed(1)} octets/entry, folded in ${foldMs.toFixed(0)} ms, ` +
      `one more <= ${worstAddMs.toFixed(2)} ms, decision median ${us(0.5)} us, p99 ${us(0.99)} us, killed ${killed}/50000`,
  );
}

if (!globalThis.gc) console.log("without --expose-gc the octets are not reliable");
const wanted = process.argv[3];
for (const kind of Object.keys(makers) as (keyof typeof makers)[]) if (!wanted || wanted === kind) measure(kind);
