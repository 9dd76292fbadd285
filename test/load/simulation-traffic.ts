import type { EntryInput, Facts, RecordedVerdict, SettingInput } from "../../libs/policy/src/index.ts";

/** A random source that answers the same each time. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const tenants = 2_000;
const mailboxes = 20;
const resellers = 40;
const senderDomains = 60_000;
const dayMs = 86_400_000;
const startAt = 1_795_000_000_000;
const days = 30;

const id = (prefix: string, index: number): never => `${prefix}_${String(index).padStart(26, "0")}` as never;
export const tenantOf = (index: number): never => id("ten", index);
export const resellerOf = (tenant: number): never => id("rsl", tenant % resellers);

/** Settings of a tenth of the tenants, and entries of all. */
export function policyInputs(entries: number) {
  const random = randomOf(7);
  const settings: SettingInput[] = [
    { scope: { kind: "platform" }, name: "dnsbl", value: [{ zone: "bl.example", weight: 3 }], byEvent: "p1" },
    { scope: { kind: "platform" }, name: "spamThresholds", value: { junk: 5, reject: 15 }, byEvent: "p2" },
  ];
  for (let index = 0; index < tenants; index += 10) {
    const at = { scope: { kind: "tenant", id: tenantOf(index) }, resellerId: resellerOf(index) } as const;
    settings.push({ ...at, name: "spamThresholds", value: { junk: 4, reject: 12 }, byEvent: `t${index}` });
    settings.push({ ...at, name: "greylist", value: 300, byEvent: `g${index}` });
  }
  const list = Array.from({ length: entries }, (_, index): EntryInput => {
    const tenant = index % tenants;
    const pattern =
      index % 2 === 0
        ? `@mail${Math.floor(random() * senderDomains * 2)}.example`
        : `${1 + Math.floor(random() * 223)}.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}.0/24`;
    return {
      entryId: id("sle", index),
      scope: { kind: "tenant", id: tenantOf(tenant) },
      resellerId: resellerOf(tenant),
      list: index % 3 === 0 ? "accept" : "kill",
      pattern,
      byEvent: `e${index}`,
    };
  });
  return { settings, entries: list };
}

/** Few senders write often, most seldom. */
function zipf(random: () => number, count: number): number {
  return Math.floor(count ** random()) - 1;
}

function envelope(random: () => number): Omit<Facts, "at" | "content"> {
  const tenant = zipf(random, tenants);
  const box = Math.floor(random() * mailboxes);
  const domain = zipf(random, senderDomains);
  const name = `t${tenant}.example`;
  const address = `user${Math.floor(random() * 8)}@mail${domain}.example`;
  const host = `mx.mail${domain}.example`;
  return {
    listener: "mx",
    ip: `${1 + (domain % 223)}.${(domain >> 3) % 256}.${(domain >> 5) % 256}.${Math.floor(random() * 4)}`,
    tls: random() < 0.9,
    host: random() < 0.9 ? { status: "confirmed", name: host } : { status: "none" },
    helo: host,
    heloName: { status: "found", name: host },
    sender: { address, form: "plain" },
    senderDomain: { status: "found", name: `mail${domain}.example` },
    spf: { result: random() < 0.8 ? "pass" : "softfail", identity: "mailfrom", domain: `mail${domain}.example` },
    dnsLists: [{ zone: "bl.example", result: random() < 0.15 ? "listed" : "clear" }],
    ...(tenant % 10 === 0 ? { greylist: { status: "passed", firstSeenAt: startAt } } : {}),
    recipient: {
      address: `u${box}@${name}`,
      form: "plain",
      acceptedBefore: 0,
      found: {
        kind: "local",
        domain: {
          domainId: id("dom", tenant),
          tenantId: tenantOf(tenant),
          resellerId: resellerOf(tenant),
          name,
          verified: true,
          tenantInboundOff: false,
          tenantSubmissionOff: false,
        },
        targets: [
          {
            mailboxId: id("mbx", tenant * mailboxes + box),
            address: `u${box}@${name}`,
            suspended: false,
            overQuota: false,
          },
        ],
      },
    },
  };
}

function contentOf(random: () => number, facts: Omit<Facts, "at" | "content">): NonNullable<Facts["content"]> {
  const isSpam = random() < 0.5;
  const domain = facts.spf?.domain ?? "";
  const probability = Math.round(random() * 10_000) / 10_000;
  const score = Math.round((isSpam ? 4 + random() * 16 : random() * 6 - 2) * 100) / 100;
  return {
    sizeBytes: 800 + Math.floor(random() ** 3 * 3_000_000),
    bareLineEnd: false,
    from: [facts.sender?.address ?? ""],
    replyTo: random() < 0.2 ? [`reply${Math.floor(random() * 1_000)}@${domain}`] : [],
    fromCount: 1,
    received: 1 + Math.floor(random() * 5),
    deliveredTo: [],
    broken: false,
    authentication: {
      spf: facts.spf ?? { result: "none", identity: "mailfrom", domain },
      dkim: [{ result: "pass", domain, aligned: true }],
      dmarc: { result: random() < 0.8 ? "pass" : "fail", domain, policy: random() < 0.5 ? "none" : "quarantine" },
      arc: { result: "none", sealers: [] },
    },
    scan: {
      rspamd: {
        status: "scanned",
        score,
        action: "no action",
        symbols: [`SYM_${Math.floor(random() * 400)}`, `SYM_${Math.floor(random() * 400)}`, "MIME_GOOD"],
      },
      clamav: { status: "clean" },
    },
    classifier: {
      verdict: isSpam ? (random() < 0.6 ? "spam" : "unsure") : random() < 0.6 ? "ham" : "unsure",
      probability,
      tokens: Array.from({ length: 5 }, () => `b:word${Math.floor(random() * 20_000)}`),
    },
    findings: random() < 0.1 ? [{ check: "html", name: "tiny-text", score: 0.5, detail: "1px" }] : [],
  };
}

/** One recorded verdict: three in four after DATA, the rest refused at RCPT. */
export function verdictOf(random: () => number, index: number, of: number): RecordedVerdict {
  const facts = envelope(random);
  const at = startAt + Math.floor((index / of) * days * dayMs);
  const tenantId = facts.recipient?.found.kind === "local" ? facts.recipient.found.domain.tenantId : tenantOf(0);
  const resellerId = facts.recipient?.found.kind === "local" ? facts.recipient.found.domain.resellerId : resellerOf(0);
  const own = { verdictId: id("vrd", index), tenantId, resellerId };
  if (random() < 0.25) {
    const refused = { action: "reject", reason: "kill-listed", phase: "rcpt" } as const;
    return { ...own, ...refused, facts: { at, ...facts } };
  }
  const content = contentOf(random, facts);
  const score = content.scan?.rspamd?.status === "scanned" ? content.scan.rspamd.score : 0;
  const passed = { action: score >= 5 ? "junk" : "accept", reason: score >= 5 ? "spam-junk" : "accepted" } as const;
  return { ...own, ...passed, phase: "data", facts: { at, ...facts, content } };
}
