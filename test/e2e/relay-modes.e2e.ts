import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DnsResponder, reverseName, startDnsResponder } from "./dns-responder.ts";
import { testEveryRefusal } from "./explained-refusals.ts";
import { type Platform, platformEnv, runMailfold, startPlatform } from "./platform.ts";
import {
  addEntry,
  type Explained,
  everywhere,
  explained,
  outcomeOf,
  refusedPolicy,
  setPolicy,
} from "./policy-calls.ts";
import { provisionTenant, type Tenant } from "./provision.ts";
import { addressOf, domainOf, type Mode, matrix, modeLine, modes, peers, senderKinds } from "./relay-matrix.ts";
import { type SmtpSink, startSmtpSink } from "./smtp-sink.ts";
import { swaks } from "./swaks.ts";

let sink: SmtpSink;
let dns: DnsResponder;
let platform: Platform;
const tenants = new Map<Mode, Tenant>();
const tenantOf = (mode: Mode): Tenant => tenants.get(mode) as Tenant;
const scopeOf = (mode: Mode) => ({ tenantId: tenantOf(mode).id });
const unlock = (...words: string[]) => setPolicy(platform, everywhere, { unlocks: words });
let probes = 0;

before(async () => {
  sink = await startSmtpSink();
  dns = await startDnsResponder({
    [reverseName(peers.localHosts)]: { PTR: ["printer.localhosts.test"] },
    "printer.localhosts.test": { A: [peers.localHosts] },
  });
  platform = await startPlatform({
    env: { MAILFOLD_DNS: dns.address, MAILFOLD_SMARTHOST: `127.0.0.1:${sink.port}`, MAILFOLD_DEMO: "0" },
  });
  for (const mode of modes) tenants.set(mode, await provisionTenant(platform, domainOf(mode)));
  for (const mode of modes) {
    for (const [list, kind] of [
      ["ACCEPT", "accept-listed"],
      ["KILL", "kill-listed"],
    ] as const)
      await addEntry(platform, scopeOf(mode), { list, pattern: addressOf(mode, kind) });
  }
});
after(async () => {
  await platform?.stop();
  await sink?.close();
  dns?.close();
});

/** Tries to relay with swaks and answers `code reason`; what was taken must reach the sink, once, unchanged in envelope. */
async function relay(from: string, ip: string, more: Partial<Parameters<typeof swaks>[0]> = {}) {
  probes += 1;
  const to = `probe-${probes}@elsewhere.example`;
  const result = await swaks({ port: platform.ports.smtp, from, to, proxyFrom: ip, ...more });
  const verdict = await explained(platform, result.reference);
  assert.equal(verdict.code, result.code, result.transcript);
  assert.equal(verdict.recipient, to);
  if (result.code === 250) assert.equal((await sink.letterTo(to)).from, from);
  return { result, verdict, answer: `${result.code} ${verdict.reason}`, to };
}

/** The line of a trace that decided: of the setting named, with the outcome that the answer tells. */
function decisiveLine(verdict: Explained, setting: string) {
  const outcome = verdict.action === "accept" ? "match" : "refuse";
  const line = verdict.trace.find((each) => each.setting === setting && each.outcome === outcome);
  assert.ok(line, `${setting} ${outcome} in ${JSON.stringify(verdict.trace)}`);
  assert.ok(verdict.traceIsExact, "the trace was recomputed and agrees with the record");
  return line;
}

describe("relay modes, with swaks", () => {
  test("localUsers and anyone are refused as settings until the platform unlocks them", async () => {
    for (const mode of ["localUsers", "anyone"] as const) {
      const refusal = await refusedPolicy(platform, scopeOf(mode), { relayMode: mode });
      assert.equal(refusal?.code, "UNLOCK_REQUIRED");
      assert.match(refusal?.message ?? "", /unlock/);
      assert.equal((await relay(addressOf(mode, "own user"), peers[mode])).answer, "550 relay-denied");
    }
  });

  test("every mode x own user, foreign, null sender, accept-listed, kill-listed: code, verdict event, explain", async (t) => {
    await unlock("localUsers", "anyone");
    for (const mode of modes) await setPolicy(platform, scopeOf(mode), { relayMode: mode });
    await setPolicy(platform, scopeOf("addresses"), { relayAddresses: [`${peers.addresses}/32`] });
    const rows: string[] = [];
    for (const mode of modes) {
      const probed = await Promise.all(senderKinds.map((kind) => relay(addressOf(mode, kind), peers[mode])));
      for (const [index, kind] of senderKinds.entries()) {
        const [answer, setting] = matrix[mode][kind];
        const { verdict, answer: answered } = probed[index] as (typeof probed)[number];
        assert.equal(answered, answer, `${mode}, ${kind}`);
        const line = decisiveLine(verdict, setting);
        const owned = kind === "own user" || verdict.action === "accept" || setting !== modeLine;
        if (owned) assert.equal(verdict.tenantId, tenantOf(mode).id, `${mode}, ${kind}`);
        if (owned) assert.equal(line.setAtScope, tenantOf(mode).id, `${mode}, ${kind}`);
        if (owned) assert.match(line.byEvent ?? "", /^evt_/, "the event that set it");
        rows.push(`${mode} x ${kind}: ${answered} (${setting})`);
      }
    }
    for (const row of rows) t.diagnostic(row);
    assert.equal(rows.length, 25);
  });

  test("the command line explains the same verdict", async () => {
    const { result } = await relay("someone@foreign.example", "192.0.2.11");
    const { code, stdout, stderr } = await runMailfold(["explain", result.reference], platformEnv(platform.dataDir));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /relay-denied/);
    assert.match(stdout, /relayMode/);
  });

  test("without the unlock a mode set before has no effect", async () => {
    await unlock();
    for (const mode of ["localUsers", "anyone"] as const)
      assert.equal((await relay(addressOf(mode, "own user"), "192.0.2.51")).answer, "550 relay-denied");
  });

  test("anyone at platform scope: every sender but <>, on the platform's account; a tenant that says none is left out", async () => {
    await unlock("anyone");
    await setPolicy(platform, everywhere, { relayMode: "anyone" });
    try {
      const foreign = await relay("someone@foreign.example", "192.0.2.52");
      assert.equal(foreign.answer, "250 relay-anyone");
      assert.equal(foreign.verdict.tenantId, null);
      assert.equal((await relay("", "192.0.2.52")).answer, "550 relay-null-sender");
      assert.equal((await relay(addressOf("none", "own user"), "192.0.2.52")).answer, "550 relay-denied");
    } finally {
      await setPolicy(platform, everywhere, { relayMode: "none", unlocks: [] });
    }
  });

  test("a login relays in every mode", async () => {
    for (const mode of modes) {
      const [login] = tenantOf(mode).mailboxes;
      assert.ok(login);
      const options = ["--tls", "--header", `From: ${login.address}`];
      const port = platform.ports.submission;
      const { answer, verdict } = await relay(login.address, peers[mode], { port, login, options });
      assert.equal(answer, "250 relay-login", mode);
      assert.ok(verdict.trace.some((line) => line.step === "relay" && line.outcome === "match"));
    }
  });
});

describe("localHosts asks DNS both ways", () => {
  const from = "user@localhosts.test";
  test("a name that does not confirm, or lies in a foreign or unverified domain, opens nothing", async () => {
    await provisionTenant(platform, "claimed", { verified: false });
    const hosts = {
      "192.0.2.31": ["printer.localhosts.test", "192.0.2.30"],
      "192.0.2.32": ["host.foreign.example", "192.0.2.32"],
      "192.0.2.33": ["host.claimed.test", "192.0.2.33"],
      "192.0.2.34": ["host.none.test", "192.0.2.34"],
    } as const;
    for (const [ip, [name, address]] of Object.entries(hosts)) {
      dns.zones.set(reverseName(ip), { PTR: [name] });
      dns.zones.set(name, { A: [address] });
      assert.equal((await relay(from, ip)).answer, "550 relay-denied", name);
    }
    assert.ok(dns.asked.includes(`PTR ${reverseName("192.0.2.31")}`), "the peer's name was asked for");
  });

  test("IPv6 peers are confirmed by AAAA", async () => {
    const ip = "2001:db8:30::25";
    assert.equal((await relay(from, ip)).answer, "550 relay-denied");
    dns.zones.set(reverseName(ip), { PTR: ["six.localhosts.test"] });
    dns.zones.set("six.localhosts.test", { AAAA: [ip] });
    const { answer, result } = await relay(from, ip);
    assert.equal(answer, "250 relay-local-host", result.transcript);
  });

  test("SERVFAIL and silence defer: DNS that does not answer never rejects", async () => {
    dns.zones.set(reverseName("192.0.2.35"), "servfail");
    dns.zones.set(reverseName("192.0.2.36"), "silent");
    const answers = await Promise.all(["192.0.2.35", "192.0.2.36"].map((ip) => relay(from, ip)));
    assert.deepEqual(
      answers.map((each) => each.answer),
      ["451 host-lookup-failed", "451 host-lookup-failed"],
    );
    for (const { verdict } of answers) decisiveLine(verdict, modeLine);
  });
});

describe("whose mail is it", () => {
  test("a CIDR that two tenants list is ambiguous, unless the sender's domain says whose mail it is", async () => {
    const shared = { relayMode: "addresses", relayAddresses: ["192.0.2.128/28"] };
    const [first, second] = [await provisionTenant(platform, "first"), await provisionTenant(platform, "second")];
    for (const tenant of [first, second]) await setPolicy(platform, { tenantId: tenant.id }, shared);
    for (const from of ["someone@foreign.example", ""])
      assert.equal((await relay(from, "192.0.2.130")).answer, "550 relay-ambiguous");
    for (const tenant of [first, second]) {
      const { answer, verdict } = await relay(`user@${tenant.domain}`, "192.0.2.130");
      assert.deepEqual([answer, verdict.tenantId], ["250 relay-address", tenant.id]);
    }
    assert.equal((await relay("user@none.test", "192.0.2.130")).answer, "550 relay-denied", "a third tenant's sender");
  });

  test("networks that are too wide are refused with words, and those at the limit taken", async () => {
    for (const wide of ["0.0.0.0/0", "::/0", "192.0.0.0/23", "2001:db8::/47", "127.0.0.1"]) {
      const refusal = await refusedPolicy(platform, scopeOf("none"), { relayAddresses: [wide] });
      assert.ok(refusal, `${wide} was taken`);
      assert.match(refusal.message, /no network wider than \/24 \(IPv6 \/48\)/, wide);
    }
    const unknown = await refusedPolicy(platform, scopeOf("none"), { relayMode: "everybody" });
    assert.match(unknown?.message ?? "", /must be one of none, addresses, localHosts, localUsers, anyone/);
    assert.equal(
      await refusedPolicy(platform, scopeOf("none"), { relayAddresses: ["198.51.100.0/24", "2001:db8::/48"] }),
      undefined,
    );
    // A wide accept entry may stand, for inbound mail; it opens no relaying.
    await addEntry(platform, scopeOf("none"), { list: "ACCEPT", pattern: "198.51.0.0/16" });
    assert.equal((await relay("someone@foreign.example", "198.51.7.7")).answer, "550 relay-denied");
  });

  test("a forged accept-listed sender does not relay; trustUnverified needs the unlock", async () => {
    const pattern = "@partner.example";
    const forged = "ceo@partner.example";
    await addEntry(platform, scopeOf("none"), { list: "ACCEPT", pattern });
    assert.equal((await relay(forged, "192.0.2.60")).answer, "550 relay-sender-unproven");
    const trusting = { list: "ACCEPT", pattern, trustUnverified: true } as const;
    await assert.rejects(addEntry(platform, scopeOf("none"), trusting), /UNLOCK_REQUIRED|locked/);
    assert.equal((await relay(forged, "192.0.2.60")).answer, "550 relay-sender-unproven");
    await unlock("trustUnverified");
    await addEntry(platform, scopeOf("none"), trusting);
    const { answer, verdict } = await relay(forged, "192.0.2.60");
    assert.equal(answer, "250 relay-unverified-entry");
    decisiveLine(verdict, "acceptList");
    await unlock();
    assert.equal((await relay(forged, "192.0.2.60")).answer, "550 relay-sender-unproven");
  });

  test("a tenant that accept-lists its own domain or mailbox opens nothing to a forged own sender", async () => {
    const forged = "user@own-listed.test";
    const tenant = await provisionTenant(platform, "own-listed");
    for (const pattern of [forged, "@own-listed.test"]) {
      await addEntry(platform, { tenantId: tenant.id }, { list: "ACCEPT", pattern });
      const { answer, verdict } = await relay(forged, "192.0.2.63");
      assert.equal(answer, "550 relay-sender-unproven", pattern);
      assert.equal(decisiveLine(verdict, "acceptList").setAtScope, tenant.id);
    }
  });

  test("an accept entry by IP relays on its tenant's account; one at domain scope does not", async () => {
    await addEntry(platform, scopeOf("none"), { list: "ACCEPT", pattern: "192.0.2.61" });
    const { answer, verdict } = await relay("", "192.0.2.61");
    assert.deepEqual([answer, verdict.tenantId], ["250 relay-accept-entry", tenantOf("none").id]);
    await addEntry(platform, { domainId: tenantOf("none").domainId }, { list: "ACCEPT", pattern: "192.0.2.62" });
    assert.equal((await relay("user@none.test", "192.0.2.62")).answer, "550 relay-denied");
  });

  test("a sender in an unverified domain does not relay, by IP or by login", async () => {
    const tenant = await provisionTenant(platform, "unproven", { verified: false });
    await setPolicy(platform, { tenantId: tenant.id }, { relayMode: "addresses", relayAddresses: ["192.0.2.70"] });
    const from = `user@${tenant.domain}`;
    assert.equal((await relay(from, "192.0.2.70")).answer, "550 sender-domain-unverified");
    const [login] = tenant.mailboxes;
    assert.ok(login);
    const submission = { port: platform.ports.submission, proxyFrom: "192.0.2.71", startTls: true };
    const letter = { from, to: ["someone@elsewhere.example"], login };
    assert.equal(await outcomeOf(platform, submission, letter), "550 sender-domain-unverified");
  });

  test("nothing reached the outside but what was answered 250", async () => {
    const taken = sink.letters.flatMap((letter) => letter.to);
    assert.equal(new Set(taken).size, taken.length, "each once");
    assert.ok(taken.every((to) => /^probe-\d+@elsewhere\.example$/.test(to)));
  });
});

testEveryRefusal(() => platform);
