import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type DnsResponder, startDnsResponder } from "./dns-responder.ts";
import { messageIdCounts } from "./imap-reader.ts";
import { type Platform, platformEnv, runMailfold, startPlatform } from "./platform.ts";
import { addEntry, explained, outcomeOf, referenceIn, type Scope } from "./policy-calls.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import { sendLetter } from "./smtp-dialogue.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";

let sink: SmtpSink;
let dns: DnsResponder;
let platform: Platform;
/** A tenant with two mailboxes, and one of another reseller. */
let acme: Tenant;
let other: Tenant;
let user: MailboxLogin;
let ann: MailboxLogin;
/** Tokens of acme's reseller and of acme itself. */
let reseller: string;
let tenant: string;

before(async () => {
  sink = await startSmtpSink();
  dns = await startDnsResponder({});
  platform = await startPlatform({
    env: { MAILFOLD_DNS: dns.address, MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`, MAILFOLD_DEMO: "0" },
  });
  acme = await provisionTenant(platform, "acme", { locals: ["user", "ann"] });
  other = await provisionTenant(platform, "other");
  [user, ann] = acme.mailboxes as [MailboxLogin, MailboxLogin];
  const tokenOf = async (scope: Scope) =>
    (await mutate(platform, "tokenCreate", "secret", { name: "admin", scope })).secret as unknown as string;
  reseller = await tokenOf({ resellerId: acme.resellerId });
  tenant = await tokenOf({ tenantId: acme.id });
});
after(async () => {
  assert.equal(await platform?.stop(), 0);
  await sink?.close();
  dns?.close();
});

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>> | null;
}
/** Changes policy with a token of one's own; answers why not, undefined when it was taken. */
async function change(token: string, scope: Scope, input: Record<string, unknown>): Promise<Refusal | undefined> {
  const data = await platform.graphql<{ policyUpdate: { errors: readonly Refusal[] } }>(
    "mutation($input: PolicyUpdateInput!) { policyUpdate(input: $input) { errors { code message details } } }",
    { input: { scope, ...input } },
    token,
  );
  return data.policyUpdate.errors[0];
}
/** Tries to relay from an address that the tenants list; `code reason`. */
const relay = (from: string, ip: string) =>
  outcomeOf(platform, { proxyFrom: ip }, { from, to: ["someone@elsewhere.example"] });

describe("scopes, locks and bounds", () => {
  test("a reseller locks a setting: what its tenant set before stops counting, and the tenant is refused", async () => {
    const open = (ip: string) => ({ set: { relayMode: "addresses", relayAddresses: [ip] } });
    assert.equal(await change(tenant, { tenantId: acme.id }, open("192.0.2.10")), undefined);
    assert.equal(await change(platform.token, { tenantId: other.id }, open("192.0.2.20")), undefined);
    assert.equal(await relay(user.address, "192.0.2.10"), "250 relay-address");
    const house = { resellerId: acme.resellerId };
    assert.equal(await change(reseller, house, { limits: { relayMode: { locked: true } } }), undefined);
    assert.equal(await relay(user.address, "192.0.2.10"), "550 relay-denied");
    assert.equal(await relay("user@other.test", "192.0.2.20"), "250 relay-address", "another reseller's tenant");
    const refused = await change(tenant, { tenantId: acme.id }, { set: { relayMode: "addresses" } });
    assert.deepEqual([refused?.code, refused?.details], ["SETTING_LOCKED", { limitedAt: "reseller" }]);
    assert.equal((await change(tenant, house, { unsetLimits: ["relayMode"] }))?.code, "NOT_FOUND");
    assert.equal(await relay(user.address, "192.0.2.10"), "550 relay-denied");
    assert.equal(await change(reseller, house, { unsetLimits: ["relayMode"] }), undefined);
    assert.equal(await relay(user.address, "192.0.2.10"), "250 relay-address", "what was set is in force again");
  });

  test("an accept entry does not walk around a lock; the trace names both to whoever may see them", async () => {
    const peer = "203.0.113.7";
    const entry = { scope: { tenantId: acme.id }, list: "ACCEPT", pattern: "203.0.113.0/24" };
    await addEntry(platform, entry.scope, { list: "ACCEPT", pattern: entry.pattern });
    assert.equal(await relay(user.address, peer), "250 relay-accept-entry");
    const house = { resellerId: acme.resellerId };
    assert.equal(await change(reseller, house, { limits: { relayAddresses: { locked: true } } }), undefined);
    const letter = { from: user.address, to: ["someone@elsewhere.example"] };
    const { final } = await sendLetter({ port: platform.ports.smtp, proxyFrom: peer }, letter);
    const reference = referenceIn(final);
    assert.equal((await explained(platform, reference)).reason, "relay-denied");
    const skipped = async (token: string) => {
      const query = `{ explain(reference: "${reference}") { verdict { trace { step outcome setting setAtScope } } } }`;
      type Line = { step: string; outcome: string; setting: string | null; setAtScope: string };
      const data = await platform.graphql<{ explain: { verdict: { trace: readonly Line[] } } }>(query, {}, token);
      return data.explain.verdict.trace
        .filter(({ outcome, step }) => step === "relay" && outcome === "skip")
        .map(({ setAtScope, setting }) => [setting, setAtScope]);
    };
    const own = ["acceptList", acme.id];
    assert.deepEqual(await skipped(reseller), [own, ["relayAddresses", acme.resellerId]]);
    assert.deepEqual(await skipped(tenant), [own, [null, "platform policy"]]);
    assert.equal(
      await outcomeOf(platform, { proxyFrom: peer }, { from: "x@ext.example", to: [user.address] }),
      "250 accept-listed",
    );
    const again = await mutate(platform, "senderEntryAdd", "entry { warning }", entry);
    assert.match(
      String((again.entry as unknown as { warning: string }).warning),
      /does not open relaying: relayAddresses/,
    );
    assert.equal(await change(reseller, house, { unsetLimits: ["relayAddresses"] }), undefined);
    assert.equal(await relay(user.address, peer), "250 relay-accept-entry");
  });

  test("a mailbox's kill entry refuses for that mailbox alone", async () => {
    await addEntry(platform, { mailboxId: user.id }, { list: "KILL", pattern: "@bad.example" });
    const id = "<one-of-two@bad.example>";
    const letter = `From: <eve@bad.example>\nTo: <${ann.address}>\nMessage-ID: ${id}\nSubject: offer\n\nhello\n`;
    const to = [user.address, ann.address];
    const { rcpt, final } = await sendLetter(
      { port: platform.ports.smtp },
      { from: "eve@bad.example", to, message: letter },
    );
    assert.deepEqual([rcpt.map(({ code }) => code), final.code], [[550, 250], 250]);
    const [refusal] = rcpt;
    assert.ok(refusal);
    const verdict = await explained(platform, referenceIn(refusal));
    assert.deepEqual([verdict.reason, verdict.recipient], ["kill-listed", user.address]);
    assert.equal(verdict.trace.find(({ outcome }) => outcome === "refuse")?.setAtScope, user.id);
    const counts = await Promise.all(to.map((_, index) => messageIdCounts(platform.ports.imap, index ? ann : user)));
    assert.deepEqual(
      counts.map((each) => each.get(id) ?? 0),
      [0, 1],
    );
  });

  test("a bound narrows at once what a scope below had set higher, and lets go of it again", async () => {
    const send = (to: string, octets: number) => {
      const message = `From: <a@b.example>\nTo: <${to}>\nSubject: big\n\n${"x"
        .repeat(70)
        .concat("\n")
        .repeat(octets / 71)}`;
      return outcomeOf(platform, {}, { from: "a@b.example", to: [to], message });
    };
    assert.equal(await change(tenant, { tenantId: acme.id }, { set: { sizeLimitBytes: 90_000 } }), undefined);
    assert.equal(await change(tenant, { mailboxId: user.id }, { set: { sizeLimitBytes: 30_000_000 } }), undefined);
    assert.deepEqual(
      [await send(user.address, 200_000), await send(ann.address, 200_000)],
      ["250 accepted", "552 size-exceeded"],
    );
    const house = { resellerId: acme.resellerId };
    const bound = { limits: { sizeLimitBytes: { max: 120_000 } } };
    assert.equal(await change(reseller, house, bound), undefined);
    assert.equal(await send(user.address, 200_000), "552 size-exceeded");
    assert.equal(await send(user.address, 100_000), "250 accepted", "narrowed to the bound, not to the default");
    const refused = await change(tenant, { mailboxId: user.id }, { set: { sizeLimitBytes: 30_000_001 } });
    assert.deepEqual([refused?.code, refused?.message.includes("at most 120000")], ["SETTING_OUT_OF_BOUND", true]);
    assert.equal(await change(reseller, house, { unsetLimits: ["sizeLimitBytes"] }), undefined);
    assert.equal(await send(user.address, 200_000), "250 accepted");
  });

  test("the command line sets, limits and shows at all five scopes, with each one's own token", async () => {
    const file = (name: string, token: string) => {
      const path = join(platform.dataDir, name);
      writeFileSync(path, token, { mode: 0o600 });
      return path;
    };
    const as = { reseller: file("reseller-token", reseller), tenant: file("tenant-token", tenant) };
    const cli = (who: keyof typeof as | undefined, ...args: readonly string[]) => {
      const token = who === undefined ? [] : ["--token-file", as[who]];
      return runMailfold([...token, "policy", ...args], platformEnv(platform.dataDir));
    };
    const days = async (...call: Parameters<typeof cli>) => {
      const { code, stdout, stderr } = await cli(...call, "--json");
      assert.equal(code, 0, stderr);
      const settings = JSON.parse(stdout) as readonly ShownSetting[];
      return settings.find(({ name }) => name === "quarantineDays");
    };
    const widest = ["quarantineDays=60", "--bound", "quarantineDays=5..60"];
    const atPlatform = await days(undefined, "set", "--scope", "platform", ...widest);
    const limiting = ["--bound", "quarantineDays=..50", "--lock", "spamScanner", "--bound", "junkAction=folder,tag"];
    const limited = await cli("reseller", "set", "--scope", acme.resellerId, ...limiting, "quarantineDays=50");
    assert.equal(limited.code, 0, limited.stderr);
    assert.match(limited.stdout, /quarantineDays +50 +rsl_.* 5\.\.60 \(platform policy\) +\.\.50\n/);
    assert.match(limited.stdout, /spamScanner +true .* locked\n/);
    const below = [acme.id, acme.domainId, user.id];
    const set = await Promise.all(
      below.map((place, index) => days("tenant", "set", "--scope", place, `quarantineDays=${40 - 10 * index}`)),
    );
    assert.deepEqual(
      [atPlatform, ...set].map((setting) => [setting?.value, setting?.scope]),
      ["platform", ...below].map((place, index) => [[60, 40, 30, 20][index], place]),
    );
    const shown = await days("tenant", "show", "--scope", user.id);
    const { scope, event, ...bound } = shown?.limit ?? {};
    assert.deepEqual([shown?.value, scope, event], [20, "platform policy", null]);
    assert.deepEqual(bound, { locked: false, min: 5, max: 50, allowed: null });
    const [refused, ...wrong] = await Promise.all([
      cli("tenant", "set", "--scope", acme.id, "spamScanner=false"),
      cli("reseller", "set", "--scope", acme.resellerId),
      cli("reseller", "set", "--scope", acme.resellerId, "--lock", "spf", "--bound", "spf=off"),
    ]);
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /SETTING_LOCKED \(set\.spamScanner\): spamScanner is locked at reseller scope/);
    assert.deepEqual(
      wrong.map(({ code }) => code),
      [2, 2],
    );
    const lifted = await cli("reseller", "set", "--scope", acme.resellerId, "--unlock", "spamScanner");
    assert.equal(lifted.code, 0, lifted.stderr);
    assert.equal(await change(tenant, { tenantId: acme.id }, { set: { spamScanner: false } }), undefined);
  });
});

interface ShownSetting {
  readonly name: string;
  readonly value: unknown;
  readonly scope: string;
  readonly limit: Readonly<Record<string, unknown>> | null;
}
