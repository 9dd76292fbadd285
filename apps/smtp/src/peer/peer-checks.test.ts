import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import type { CompiledPolicy, DnsListZone, Facts, MissingFacts, Need, Phase } from "@mailfold/policy";
import { ids } from "../testing/fake-deps.ts";
import { type FakeName, fakeDns } from "../testing/fake-dns.ts";
import { SmtpClient } from "../testing/smtp-client.ts";
import { EdgeStarter, type StartedEdge } from "../testing/start-edge.ts";

const edges = new EdgeStarter();
afterEach(() => edges.closeAll());
const peer = "192.0.2.10";

/** An edge whose policy asks for facts at RCPT before it decides as the fake one does. */
async function startAsking(
  zone: Readonly<Record<string, FakeName>>,
  asks: (facts: Facts) => Omit<MissingFacts, "needs"> & { readonly needs: readonly Need[] },
  limits = {},
) {
  const dns = fakeDns(zone);
  const started = await edges.start(limits, { resolver: dns, trustedProxies: ["127.0.0.1"] });
  const { fakePolicy } = started.deps;
  const current = fakePolicy.current;
  const asking = (phase: Phase, facts: Facts, decide: CompiledPolicy["evaluate"]) => {
    const missing = phase === "rcpt" ? asks(facts) : { needs: [] };
    const needs = missing.needs.filter((need) => !(need in facts));
    return needs.length > 0 ? { ...missing, needs } : decide(phase, facts);
  };
  Object.assign(fakePolicy, {
    current: () => {
      const policy = current();
      return { ...policy, evaluate: (phase: Phase, facts: Facts) => asking(phase, facts, policy.evaluate) };
    },
    exempt: false,
  });
  return { ...started, dns };
}

async function from(edge: StartedEdge, ip = peer): Promise<SmtpClient> {
  const client = await SmtpClient.dial(edge.mx, { early: `PROXY TCP4 ${ip} 198.51.100.1 5000 25\r\n` });
  await client.reply();
  await client.ask("EHLO mail.ext.test");
  return client;
}

function factsOf(edge: StartedEdge): Facts[] {
  return edge.deps.fakeJournal.of("VerdictRecorded").map((event) => (event.data as { facts: Facts }).facts);
}

const peerNeeds: readonly Need[] = ["host", "heloName", "senderDomain", "spf", "dnsLists"];
const zones: readonly DnsListZone[] = [
  { zone: "bl.test", weight: 3 },
  { zone: "wl.test", welcome: true },
];
const message = "From: x@ext.test\r\n\r\nx\r\n.\r\n";

describe("facts of a peer, through the socket", () => {
  test("all are fetched at RCPT, recorded with the verdict, and asked once for a session", async () => {
    const edge = await startAsking(
      {
        "10.2.0.192.in-addr.arpa": { PTR: ["mail.ext.test"] },
        "mail.ext.test": { A: [peer] },
        "ext.test": { MX: ["10 mail.ext.test"], TXT: ["v=spf1 mx -all"] },
        "10.2.0.192.bl.test": { A: ["127.0.0.2"] },
      },
      () => ({ needs: peerNeeds, zones }),
    );
    const client = await from(edge);
    assert.equal(edge.dns.asked.length, 0);
    await client.deliver(["alice@a.test"], message);
    const asked = edge.dns.asked.length;
    await client.deliver(["bob@a.test"], message);
    assert.equal(edge.dns.asked.length, asked);
    const [first, second] = factsOf(edge);
    assert.deepEqual(first?.host, { status: "confirmed", name: "mail.ext.test" });
    assert.deepEqual(first?.heloName, { status: "found", name: "mail.ext.test" });
    assert.deepEqual(first?.senderDomain, { status: "found", name: "ext.test" });
    assert.deepEqual(first?.spf, { result: "pass", identity: "mailfrom", domain: "ext.test" });
    assert.deepEqual(first?.dnsLists, [
      { zone: "bl.test", result: "listed", answers: ["127.0.0.2"] },
      { zone: "wl.test", result: "clear" },
    ]);
    assert.deepEqual(second?.dnsLists, first?.dnsLists);
    client.close();
  });

  for (const kind of ["silent", "servfail", "circle"] as const) {
    test(`DNS that is ${kind}: every fact has failed in time, and the mail is taken`, async () => {
      const bad: FakeName = kind === "circle" ? { CNAME: "ext.test" } : kind;
      const names = [
        "10.2.0.192.in-addr.arpa",
        "mail.ext.test",
        "ext.test",
        "10.2.0.192.bl.test",
        "10.2.0.192.wl.test",
      ];
      const edge = await startAsking(
        Object.fromEntries(names.map((name) => [name, bad])),
        () => ({ needs: peerNeeds, zones }),
        { lookUpMs: 60, peerChecksMs: 100 },
      );
      const client = await from(edge);
      const startedAt = performance.now();
      assert.match((await client.deliver(["alice@a.test", "bob@a.test"], message)).at(-1)!, /^250/);
      assert.ok(performance.now() - startedAt < 1_500);
      for (const facts of factsOf(edge)) {
        assert.equal(facts.host?.status, "failed");
        assert.equal(facts.heloName?.status, "failed");
        assert.equal(facts.senderDomain?.status, "failed");
        if (kind !== "circle") assert.equal(facts.spf?.result, "temperror");
        assert.notEqual(facts.spf?.result, "fail");
        assert.ok(facts.dnsLists?.every(({ result }) => result !== "listed"));
      }
      client.close();
    });
  }

  test("what needs no network costs no turn of it: counters of the tenant that would relay", async () => {
    const edge = await startAsking({}, () => ({ needs: ["counters"], tenantId: ids.tenantA }));
    edge.deps.fakePolicy.rule = (phase, facts) =>
      phase !== "rcpt" ? undefined : ({ route: "relay", tenantId: ids.tenantA, detail: facts.counters } as object);
    const client = await from(edge);
    await client.deliver(["far@away.test", "far2@away.test"], message);
    const counted = factsOf(edge).map((facts) => facts.counters?.tenantRecipients);
    assert.deepEqual(counted, [0, 1]);
    assert.deepEqual(edge.dns.asked, []);
    client.close();
  });

  test("greylist: deferred, and taken when the sender comes back in time", async () => {
    let now = Date.now();
    const clock = { now: () => now };
    const edge = await edges.start({}, { clock, trustedProxies: ["127.0.0.1"], resolver: fakeDns({}) });
    const { fakePolicy } = edge.deps;
    const current = fakePolicy.current;
    const needs: MissingFacts = { needs: ["greylist"], greylistDelaySeconds: 60 };
    Object.assign(fakePolicy, {
      current: () => {
        const policy = current();
        return {
          ...policy,
          evaluate: (phase: Phase, facts: Facts) =>
            phase === "rcpt" && facts.greylist === undefined ? needs : policy.evaluate(phase, facts),
        };
      },
      rule: (phase: Phase, { greylist }: Facts) =>
        phase === "rcpt" && (greylist?.status === "new" || greylist?.status === "early")
          ? { action: "defer", code: 451, enhancedCode: "4.7.1", text: "Try again", reason: "greylisted" }
          : undefined,
    });
    const client = await from(edge);
    await client.ask("MAIL FROM:<x@ext.test>");
    assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^451 4\.7\.1/);
    now += 30_000;
    assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^451 4\.7\.1/);
    now += 31_000;
    assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^250/);
    const { values } = await edge.deps.metrics.greylistOutcomes.get();
    assert.deepEqual(
      values.map(({ labels, value }) => [labels.outcome, value]),
      [
        ["new", 1],
        ["early", 1],
        ["passed", 1],
      ],
    );
    client.close();
  });
});

describe("abuse, over sessions", () => {
  const startStrict = async (harvestLimit: number) => {
    const edge = await edges.start({}, { trustedProxies: ["127.0.0.1"] });
    edge.deps.fakePolicy.exempt = false;
    edge.deps.fakePolicy.settings = { ...edge.deps.fakePolicy.settings, harvestLimit };
    return edge;
  };

  test("one unknown recipient too many: the address is denied everywhere, once, and only it", async () => {
    const edge = await startStrict(3);
    for (let n = 0; n < 3; n += 1) {
      const client = await from(edge);
      await client.ask("MAIL FROM:<x@ext.test>");
      assert.match(await client.ask(`RCPT TO:<n${n}@a.test>`), /^550/);
      client.close();
    }
    const last = await from(edge);
    await last.ask("MAIL FROM:<x@ext.test>");
    assert.match(await last.ask("RCPT TO:<n4@a.test>"), /^550/);
    assert.match(await last.rest(), /^421 4\.7\.0 Your address is refused/);
    const again = await SmtpClient.dial(edge.mx, { early: `PROXY TCP4 ${peer} 198.51.100.1 5000 25\r\n` });
    assert.match(await again.rest(), /^421 4\.7\.0/);
    (await from(edge, "192.0.2.11")).close();
    const denied = edge.deps.fakeJournal.of("IpDenied").map((event) => event.data as Record<string, unknown>);
    assert.deepEqual(
      denied.map(({ prefix, reason }) => [prefix, reason]),
      [[`${peer}/32`, "harvest"]],
    );
  });

  test("0 = no limit; who has logged in only mistypes", async () => {
    const edge = await startStrict(0);
    const client = await from(edge);
    await client.ask("MAIL FROM:<x@ext.test>");
    for (let n = 0; n < 15; n += 1) assert.match(await client.ask(`RCPT TO:<n${n}@a.test>`), /^550/);
    client.close();
    edge.deps.fakePolicy.settings = { ...edge.deps.fakePolicy.settings, harvestLimit: 1 };
    const early = `PROXY TCP4 ${peer} 198.51.100.1 5000 465\r\n`;
    const login = await SmtpClient.dial(edge.submission, { early });
    await login.reply();
    await login.ask("EHLO client.test");
    await login.ask("STARTTLS");
    await login.startTls();
    await login.ask("EHLO client.test");
    assert.match(await login.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^235/);
    await login.ask("MAIL FROM:<alice@a.test>");
    for (let n = 0; n < 4; n += 1) assert.match(await login.ask(`RCPT TO:<n${n}@a.test>`), /^550/);
    assert.deepEqual(edge.deps.fakeJournal.of("IpDenied"), []);
    login.close();
  });
});

describe("replies held back", () => {
  test("the answer to a recipient comes after the delay; a peer that leaves frees its place at once", async () => {
    const edge = await edges.start({ delayedRepliesMax: 1 });
    edge.deps.fakePolicy.rule = (phase) => (phase === "rcpt" ? { delayMs: 150, route: "local" } : undefined);
    const client = await SmtpClient.greeted(edge.mx);
    await client.ask("MAIL FROM:<x@ext.test>");
    const startedAt = performance.now();
    assert.match(await client.ask("RCPT TO:<alice@a.test>"), /^250/);
    assert.ok(performance.now() - startedAt >= 140);
    edge.deps.fakePolicy.rule = (phase) => (phase === "rcpt" ? { delayMs: 60_000, route: "local" } : undefined);
    client.send("RCPT TO:<bob@a.test>\r\n");
    await new Promise((resolve) => setTimeout(resolve, 30));
    // The one place is taken: others are answered at once.
    const other = await SmtpClient.greeted(edge.mx);
    await other.ask("MAIL FROM:<x@ext.test>");
    assert.match(await other.ask("RCPT TO:<alice@a.test>"), /^250/);
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 30));
    other.send("RCPT TO:<bob@a.test>\r\n");
    await new Promise((resolve) => setTimeout(resolve, 30));
    // Held back now, until the shutdown lets it go.
    const closing = edge.close();
    assert.match(await other.reply(), /^250/);
    await closing;
  });
});

describe("authMechanisms", () => {
  const hello = async (edge: StartedEdge): Promise<{ readonly client: SmtpClient; readonly offer: string }> => {
    const client = await SmtpClient.greeted(edge.submissions, { tls: true });
    return { client, offer: await client.ask("EHLO client.test") };
  };
  test("only those listed are offered and taken; none listed: no AUTH", async () => {
    const edge = await edges.start();
    const use = (...authMechanisms: string[]): void => {
      edge.deps.fakePolicy.settings = { ...edge.deps.fakePolicy.settings, authMechanisms };
    };
    use("PLAIN");
    const plain = await hello(edge);
    assert.match(plain.offer, /250 AUTH PLAIN$/);
    assert.match(await plain.client.ask("AUTH LOGIN"), /^504 5\.5\.4/);
    assert.match(await plain.client.ask("AUTH plain AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^235/);
    plain.client.close();
    use();
    const none = await hello(edge);
    assert.doesNotMatch(none.offer, /AUTH/);
    assert.match(await none.client.ask("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="), /^502/);
    none.client.close();
  });
});
