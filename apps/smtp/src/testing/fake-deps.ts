import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DnsResolver } from "@mailfold/dns";
import type { Commit, Journal } from "@mailfold/journal";
import type { DomainId, MailboxId, NewEvent, Position, ResellerId, TenantId } from "@mailfold/kernel";
import type { CompiledPolicy, Facts, ListenerSettings, Phase, Verdict } from "@mailfold/policy";
import type { Directory, MailboxRecord } from "@mailfold/projection-directory";
import type { Account, Authenticator } from "@mailfold/sasl";
import { createLogger, createMetrics } from "@mailfold/telemetry";
import { createTlsContextProvider, ensureSelfSigned, type TlsContextProvider } from "@mailfold/tls";
import type { SmtpDeps } from "../smtp-deps.ts";

const resellerId = "rsl_0000000000000000000000000a" as ResellerId;
export const ids = {
  tenantA: "ten_0000000000000000000000000a" as TenantId,
  tenantB: "ten_0000000000000000000000000b" as TenantId,
  alice: "mbx_0000000000000000000000000a" as MailboxId,
  bob: "mbx_0000000000000000000000000b" as MailboxId,
  carol: "mbx_0000000000000000000000000c" as MailboxId,
};

function mailbox(mailboxId: MailboxId, address: string, tenantId: TenantId): MailboxRecord {
  const domainId = `dom_${tenantId.slice(4)}` as DomainId;
  const verifier = { keyId: "k", nonce: "", ciphertext: "" };
  return {
    mailboxId,
    tenantId,
    resellerId,
    domainId,
    address,
    quotaBytes: 0,
    usedBytes: 0,
    status: "active",
    verifier,
    createdAt: 0,
  };
}

const mailboxes = [
  mailbox(ids.alice, "alice@a.test", ids.tenantA),
  mailbox(ids.bob, "bob@a.test", ids.tenantA),
  mailbox(ids.carol, "carol@b.test", ids.tenantB),
];
const aliases = new Map([["all@a.test", [ids.alice, ids.bob]]]);
const byAddress = (address: string) => mailboxes.find((each) => each.address === address);

const off = { login: false, submission: false, inbound: false, forwarding: false };
const lookUps: Partial<Directory> = {
  tenant: (tenantId) => ({ tenantId, resellerId, name: tenantId, switches: off, suspended: false, createdAt: 0 }),
  domainByName(name) {
    const owner = mailboxes.find((each) => each.address.endsWith(`@${name}`));
    if (owner === undefined) return undefined;
    const { domainId, tenantId } = owner;
    return { domainId, tenantId, resellerId, name, verified: true, verificationValue: "", addedAt: 0 };
  },
  mailbox: (id) => mailboxes.find((each) => each.mailboxId === id),
  mailboxByAddress: byAddress,
  aliasByAddress: () => undefined,
  resolve(address) {
    const targets = aliases.get(address);
    if (targets !== undefined) return mailboxes.filter((each) => targets.includes(each.mailboxId));
    const one = byAddress(address);
    return one === undefined ? undefined : [one];
  },
  addressesOf: (id) => mailboxes.filter((each) => each.mailboxId === id).map((each) => each.address),
};

/** A journal that keeps every commit. */
class FakeJournal {
  readonly commits: Commit[] = [];
  failure: Error | undefined;
  delayMs = 0;
  async commit(commit: Commit) {
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    if (this.failure !== undefined) throw this.failure;
    this.commits.push(commit);
    return { ok: true, position: "1" as Position, revisions: [], replayed: false } as const;
  }
  /** All events of a type so far, with their streams. */
  of(type: string): (NewEvent & { readonly stream: string })[] {
    const appends = this.commits.flatMap((commit) => commit.appends);
    return appends.flatMap(({ stream, events }) =>
      events.filter((e) => e.type === type).map((e) => ({ ...e, stream })),
    );
  }
}

type Rule = (phase: Phase, facts: Facts) => Partial<Verdict> | undefined;

/** Local recipients pass, unknown ones do not, relaying needs a login; `rule` decides first. */
class FakePolicy {
  rule: Rule = () => undefined;
  settings: ListenerSettings = {
    maxCommandLength: 512,
    overlongAction: "reject",
    denyDurationMs: 60_000,
    vrfy: 252,
    expn: 502,
    smtpBanner: undefined,
    imapBanner: undefined,
    requireTlsForAuth: true,
    authMechanisms: ["LOGIN", "PLAIN"],
    harvestLimit: 0,
    authFailureLimit: 0,
    sizeLimitBytes: 1_000_000,
  };
  exempt = true;
  isReady = true;
  readonly current = (): CompiledPolicy => ({
    revision: undefined,
    evaluate: (phase, facts) => ({ verdict: this.decide(phase, facts) }),
    listener: () => this.settings,
    denial: () => undefined,
    effective: () => [],
    value: () => null,
    rules: () => [],
    isExemptFromDenial: () => this.exempt,
  });
  readonly ready = (): boolean => this.isReady;

  private decide(phase: Phase, facts: Facts): Verdict {
    const found = facts.recipient?.found;
    const accept: Verdict = {
      action: "accept",
      code: 250,
      enhancedCode: "2.0.0",
      text: "ok",
      reason: "accepted",
      phase,
      scope: "platform",
      engineVersion: 1,
      decisive: { step: "default", outcome: "pass" },
      immediate: false,
      close: false,
    };
    const reject = (enhancedCode: string, text: string, reason: string) =>
      ({ ...accept, action: "reject", code: 550, enhancedCode, text, reason }) as const;
    const owner = found !== undefined && found.kind !== "foreign" ? found.domain.tenantId : facts.login?.tenantId;
    const base: Verdict = { ...accept, ...(owner === undefined ? {} : { tenantId: owner }) };
    const ruled = this.rule(phase, facts);
    if (ruled !== undefined) return { ...base, ...ruled };
    if (phase === "mail" && facts.listener === "submission" && facts.login === undefined) {
      return { ...reject("5.7.0", "Authentication required", "auth-required"), code: 530, immediate: true };
    }
    if (phase === "data" && facts.content?.bareLineEnd === true) {
      return { ...base, ...reject("5.6.11", "A CR or LF stands alone", "bare-line-end"), phase };
    }
    if (phase === "data" && (facts.content?.sizeBytes ?? 0) > this.settings.sizeLimitBytes) {
      return { ...base, ...reject("5.3.4", "Too big", "too-big"), code: 552 };
    }
    if (phase === "rcpt" && facts.recipient?.form !== "plain") return reject("5.1.3", "This form is refused", "form");
    if (found?.kind === "unknown")
      return { ...base, ...reject("5.1.1", "No such user", "unknown-recipient"), tenantId: found.domain.tenantId };
    if (found?.kind === "foreign" && facts.login === undefined)
      return reject("5.7.1", "Relaying denied", "relay-denied");
    if (found?.kind === "foreign") return { ...base, route: "relay", vouchedBy: "login" };
    return found === undefined ? base : { ...base, route: "local" };
  }
}

const noDns: DnsResolver = {
  mx: async () => ({ status: "none" }),
  addresses: async () => ({ status: "none" }),
  txt: async () => ({ status: "none" }),
  ptr: async () => ({ status: "none" }),
};

const aliceAccount: Account = { ...mailbox(ids.alice, "alice@a.test", ids.tenantA), quotaBytes: 0 };
const authenticator: Authenticator = {
  async authenticate({ login, password }) {
    if (password === "busy") return { ok: false, cause: "throttled" };
    return login === "alice@a.test" && password === "secret"
      ? { ok: true, account: aliceAccount }
      : { ok: false, cause: "bad-credentials" };
  },
};

let tls: Promise<TlsContextProvider> | undefined;
async function makeTls(): Promise<TlsContextProvider> {
  const dir = await mkdtemp(join(tmpdir(), "mailfold-smtp-"));
  const clock = { now: Date.now };
  const provider = createTlsContextProvider(await ensureSelfSigned({ dir, hostname: "mx.test", clock }), Date.now());
  await rm(dir, { recursive: true });
  return provider;
}

export interface FakeDeps extends SmtpDeps {
  readonly fakeJournal: FakeJournal;
  readonly fakePolicy: FakePolicy;
}

/** Dependencies of a test: two tenants (alice, bob and the alias all@a.test; carol@b.test), everything recorded. */
export async function fakeDeps(overrides: Partial<SmtpDeps> = {}): Promise<FakeDeps> {
  tls ??= makeTls();
  const fakeJournal = new FakeJournal();
  const fakePolicy = new FakePolicy();
  return {
    journal: fakeJournal as unknown as Journal,
    policy: fakePolicy,
    directory: lookUps as Directory,
    authenticator,
    resolver: noDns,
    log: createLogger("silent"),
    metrics: createMetrics(),
    clock: { now: Date.now },
    tlsContext: await tls,
    readiness: () => true,
    loopDelayMs: () => 0,
    fakeJournal,
    fakePolicy,
    ...overrides,
  };
}
