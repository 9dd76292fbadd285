/**
 * Measures big sender lists: `node test/load/policy-lists.ts [entries]` prints, for lists of IPs, CIDRs and addresses,
 * octets an entry, the time of one more entry, and the median and p99 of a decision at RCPT.
 */
import { spawnSync } from "node:child_process";
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

function eventOf(list: "accept" | "kill", pattern: string): Parameters<typeof applyPolicyEvent>[1] {
  return {
    id: uuid(),
    type: policyEventTypes[1],
    stream: "senderentry-x",
    revision: 0,
    position: "" as never,
    occurredAt: 1,
    data: { entryId: entryId(), scope: { kind: "tenant", id: tenantId }, list, pattern },
    metadata: { actor: { type: "system", id: "load" } },
  };
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
    host: { status: "confirmed", name: "mail.sender.example" },
    heloName: { status: "found", name: "mail.sender.example" },
    senderDomain: { status: "found", name: "sender.example" },
    spf: { result: "none", identity: "mailfrom", domain: "sender.example" },
    recipient: {
      address: "a@own.example",
      form: "plain",
      found: { kind: "local", domain, targets: [target] },
      acceptedBefore: 0,
    },
  };
}

/** Applies events in batches, made before the clock runs. */
function fold(kind: keyof typeof makers, list: "accept" | "kill") {
  let policy: CompiledPolicy = emptyPolicy();
  let totalMs = 0;
  let worstMs = 0;
  for (let done = 0; done < entries; done += 1_000) {
    const batch = Array.from({ length: 1_000 }, () => eventOf(list, makers[kind]()));
    for (const event of batch) {
      const startedAt = performance.now();
      policy = applyPolicyEvent(policy, event);
      const elapsedMs = performance.now() - startedAt;
      totalMs += elapsedMs;
      worstMs = Math.max(worstMs, elapsedMs);
    }
  }
  return { policy, totalMs, worstMs };
}

function measure(kind: keyof typeof makers, list: "accept" | "kill"): void {
  const before = heapBytes();
  const { policy, totalMs, worstMs } = fold(kind, list);
  const bytes = (heapBytes() - before) / entries;
  const times: number[] = [];
  let matched = 0;
  for (let i = 0; i < 50_000; i++) {
    const ip = kind === "ipv6cidr" ? makers.ipv6cidr().replace(/::.*/, "::1") : ipv4();
    const facts = factsFor(ip, makers.address());
    const start = performance.now();
    const { verdict } = policy.evaluate("rcpt", facts);
    times.push((performance.now() - start) * 1_000);
    if (verdict?.decisive.setting === `${list}List`) matched++;
  }
  times.sort((a, b) => a - b);
  const us = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
  console.log(
    `${list.padEnd(6)} ${kind.padEnd(8)} ${entries} entries: ${bytes.toFixed(1)} octets/entry, ` +
      `${((totalMs * 1_000) / entries).toFixed(1)} us to add one, the slowest ${worstMs.toFixed(1)} ms, ` +
      `decision median ${us(0.5)} us, p99 ${us(0.99)} us, ${matched} of 50000 matched`,
  );
}

const [, , , wantedKind, wantedList] = process.argv;
if (wantedKind !== undefined && wantedList !== undefined) {
  measure(wantedKind as keyof typeof makers, wantedList as "accept" | "kill");
} else {
  // Each in its own process: what one leaves behind would count in the next one's octets.
  for (const kind of Object.keys(makers)) {
    for (const list of ["kill", "accept"]) {
      const args = ["--expose-gc", import.meta.filename, String(entries), kind, list];
      spawnSync(process.execPath, args, { stdio: "inherit" });
    }
  }
}
