import { after, before, beforeEach } from "node:test";
import type { Scope, SettingValue } from "@mailfold/domain";
import { makeSealKey } from "@mailfold/mail-auth";
import { type CompiledPolicy, emptyPolicy, withSetting } from "@mailfold/policy";
import { createMetrics } from "@mailfold/telemetry";
import { type ContentServices, createContentServices } from "../content/content-services.ts";
import type { Forwarding } from "../forward/forwarding.ts";
import { type Smtp, startSmtp } from "../index.ts";
import { createRecipientCounters, type RecipientCounters } from "../peer/recipient-counters.ts";
import type { SmtpDeps } from "../smtp-deps.ts";
import { type FakeDeps, fakeDeps } from "./fake-deps.ts";
import { SmtpClient } from "./smtp-client.ts";

/** The edge with the real policy, scanners and DNS that each test sets, and peers of any address. */
export interface PolicyHouse {
  readonly deps: FakeDeps & { readonly content: ContentServices };
  readonly forwarding: Forwarding;
  readonly counters: RecipientCounters;
  /** Set before mail comes; none when absent. */
  rspamd: ContentServices["rspamd"];
  clamav: ContentServices["clamav"];
  classifier: ContentServices["classifier"];
  /** TXT records by name. */
  readonly txt: Map<string, string>;
  set(scope: Scope, name: string, value: SettingValue): void;
  /** Greeted, from this address. */
  from(ip: string): Promise<SmtpClient>;
  /** Logged in as alice@a.test, from this address. */
  loggedIn(ip: string): Promise<SmtpClient>;
}

/** One server for the tests of a `describe`; each test starts with an empty journal and the default policy. */
export function policyHouse(overrides: Partial<SmtpDeps> = {}): PolicyHouse {
  let policy: CompiledPolicy = emptyPolicy();
  let changes = 0;
  let smtp: Smtp;
  let content: ContentServices;
  const none = async () => ({ status: "none" }) as const;
  const house = {
    deps: undefined as unknown as PolicyHouse["deps"],
    forwarding: undefined as unknown as Forwarding,
    counters: createRecipientCounters(Date.now()),
    rspamd: undefined as ContentServices["rspamd"],
    clamav: undefined as ContentServices["clamav"],
    classifier: undefined as ContentServices["classifier"],
    txt: new Map<string, string>(),
    set(scope: Scope, name: string, value: SettingValue) {
      changes += 1;
      policy = withSetting(policy, { scope, name, value, byEvent: `set-${name}-${changes}` });
    },
    from: (ip: string) => greeted(smtp.ports.mx, ip),
    async loggedIn(ip: string) {
      const client = await greeted(smtp.ports.submission, ip);
      await client.ask("STARTTLS");
      await client.startTls();
      await client.ask("EHLO client.test");
      await client.ask(`AUTH PLAIN ${Buffer.from("\0alice@a.test\0secret").toString("base64")}`);
      return client;
    },
  };
  const resolver: SmtpDeps["resolver"] = {
    mx: async (name) => ({ status: "found", records: [{ exchange: `mx.${name}`, priority: 1 }] }),
    addresses: async () => ({ status: "found", records: ["192.0.2.99"] }),
    ptr: none,
    async txt(name) {
      const record = house.txt.get(name);
      return record === undefined ? { status: "none" } : { status: "found", records: [record] };
    },
  };
  before(async () => {
    const { privateKeyPem, publicKey } = await makeSealKey();
    house.txt.set("arc._domainkey.mx.test", `v=DKIM1; k=rsa; p=${publicKey}`);
    house.forwarding = {
      srsKeys: { current: Buffer.alloc(32, 7) },
      sealKey: { privateKeyPem, selector: "arc", domain: "mx.test" },
    };
    const source = { current: () => policy, ready: () => true };
    const fresh = await fakeDeps({
      policy: source,
      resolver,
      forwarding: house.forwarding,
      counters: house.counters,
      ...overrides,
    });
    const made = createContentServices({ ...fresh, metrics: createMetrics(), hostname: "mx.test" });
    // What a test sets afterwards counts.
    content = Object.defineProperties(made, {
      rspamd: { get: () => house.rspamd },
      clamav: { get: () => house.clamav },
      classifier: { get: () => house.classifier },
    });
    house.deps = { ...fresh, content };
    smtp = await startSmtp(house.deps, {
      host: "127.0.0.1",
      hostname: "mx.test",
      ports: { mx: 0, submission: 0, submissions: 0 },
      trustedProxies: ["127.0.0.1"],
    });
  });
  after(async () => {
    await smtp.close();
    await content.close();
  });
  beforeEach(() => {
    policy = emptyPolicy();
    house.deps.fakeJournal.commits.length = 0;
    house.rspamd = undefined;
    house.clamav = undefined;
    house.classifier = undefined;
    for (const name of house.txt.keys()) if (!name.startsWith("arc.")) house.txt.delete(name);
  });
  return house;
}

async function greeted(port: number | undefined, ip: string): Promise<SmtpClient> {
  const client = await SmtpClient.dial(port ?? 0, { early: `PROXY TCP4 ${ip} 198.51.100.1 5000 25\r\n` });
  await client.reply();
  await client.ask("EHLO client.test");
  return client;
}
