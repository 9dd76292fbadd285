import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { type FeedConnection, openFeed } from "./feed-connection.ts";
import { openGreeted, openSession } from "./open-session.ts";
import { type Platform, platformEnv, proxyAddress, runMailfold, startPlatform } from "./platform.ts";
import { everywhere, setPolicy } from "./policy-calls.ts";
import { type MailboxLogin, mutate, provisionTenant, type Tenant } from "./provision.ts";
import { connectRaw, restOf } from "./raw-peer.ts";

const guesser = "192.0.2.60";
const harvester = "192.0.2.61";
const flooder = "192.0.2.62";
const authFailureLimit = 3;
const harvestLimit = 4;
const denySeconds = 60;

interface Denial {
  readonly id: string;
  readonly prefix: string;
  readonly reason: string;
  readonly until: number;
  readonly detail: string;
}

describe("one denial holds for every protocol", () => {
  let platform: Platform;
  let tenant: Tenant;
  let user: MailboxLogin;
  let tenantToken: string;
  let feed: FeedConnection;
  before(async () => {
    platform = await startPlatform();
    tenant = await provisionTenant(platform, "acme");
    user = tenant.mailboxes[0] ?? assert.fail("no mailbox");
    await setPolicy(platform, everywhere, { authFailureLimit, harvestLimit, denyDuration: denySeconds });
    const made = await mutate(platform, "tokenCreate", "secret", { name: "own", scope: { tenantId: tenant.id } });
    tenantToken = made.secret as unknown as string;
    feed = await openFeed(platform.ports.http, platform.token);
    feed.send({ type: "subscribe", id: "d", from: "now", where: { types: ["IpDenied"] } });
    await feed.until(() => feed.of("caughtUp")[0]);
  });
  after(async () => {
    feed?.socket.terminate();
    await platform?.stop();
  });

  /** Logs in over IMAP with TLS; answers all that is said, "" when the connection was closed at once. */
  const imapLogin = async (ip: string, password: string): Promise<string> => {
    const tls = connectTls({ socket: await connectRaw(platform.ports.imaps, ip, ""), rejectUnauthorized: false });
    tls.on("error", () => {});
    tls.write(`a LOGIN "${user.address}" "${password}"\r\nb LOGOUT\r\n`);
    return restOf(tls);
  };
  const imapGreeting = async (ip: string): Promise<string> =>
    restOf(await connectRaw(platform.ports.imap, ip, "b LOGOUT\r\n"));
  const smtpGreeting = async (ip: string, port = platform.ports.smtp): Promise<string> => {
    const { dialogue, greeting } = await openGreeted({ port, proxyFrom: ip });
    dialogue.close();
    return `${greeting.code} ${greeting.text}`;
  };
  /** GET /healthz or POST /graphql through the proxy that says whom it asks for. */
  const http = (ip: string, path: string): Promise<{ readonly status: number; readonly text: string }> =>
    new Promise((resolve, reject) => {
      const headers = {
        "content-type": "application/json",
        authorization: `Bearer ${platform.token}`,
        "x-forwarded-for": ip,
      };
      const asked = request(
        { host: "127.0.0.1", port: platform.ports.http, localAddress: proxyAddress, path, method: "POST", headers },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      asked.once("error", reject);
      asked.end(JSON.stringify({ query: "{ viewer { name } }" }));
    });
  const referenceIn = (text: string): string => /\(ref (evt_[0-9a-z]+)\)/.exec(text)?.[1] ?? assert.fail(text);
  /** What a reference leads to, for the platform's operator. */
  const lookUp = async (reference: string, token?: string): Promise<Denial | null> => {
    const query = "query($id: ID!) { node(id: $id) { id ... on AuditEvent { type data } } }";
    const { node } = await platform.graphql<{ node: { id: string; type: string; data: Omit<Denial, "id"> } | null }>(
      query,
      { id: reference },
      token,
    );
    if (node === null) return null;
    assert.equal(node.type, "IpDenied");
    return { id: node.id, ...node.data };
  };
  /** The same, once the view shows what was written a moment ago. */
  const found = async (reference: string): Promise<Denial> => {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
      const denial = await lookUp(reference);
      if (denial !== null) return denial;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return assert.fail("the reference leads nowhere");
  };
  /** Refused everywhere, with the same reference wherever something can be said; the answer is that reference. */
  const assertDenied = async (ip: string): Promise<string> => {
    const mx = await smtpGreeting(ip);
    assert.match(mx, /^421 4\.7\.0 Your address is refused .*\(ref evt_/);
    const reference = referenceIn(mx);
    assert.equal(referenceIn(await smtpGreeting(ip, platform.ports.submission)), reference);
    const bye = await imapGreeting(ip);
    assert.match(bye, /^\* BYE \[UNAVAILABLE\] /);
    assert.equal(referenceIn(bye), reference);
    assert.equal(await imapLogin(ip, user.password), "", "nothing is said before TLS");
    const api = await http(ip, "/graphql");
    assert.deepEqual([api.status, referenceIn(api.text)], [429, reference]);
    return reference;
  };
  let guessing: Denial;

  test("failed logins over IMAP: the address is refused by SMTP, IMAP and API, with a reference to the reason", async () => {
    for (let n = 0; n < authFailureLimit; n += 1) assert.match(await imapLogin(guesser, `wrong ${n}`), /^a NO /m);
    assert.match(await smtpGreeting(guesser), /^220 /, "as often as the limit says");
    assert.match(await imapLogin(guesser, "wrong again"), /^a NO /m);
    const reference = await assertDenied(guesser);
    guessing = await found(reference);
    assert.deepEqual([guessing.prefix, guessing.reason], [`${guesser}/32`, "auth-failures"]);
    assert.equal(guessing.detail, `${authFailureLimit + 1} failed logins in an hour`);
    assert.equal(await lookUp(reference, tenantToken), null, "a tenant learns nothing of the platform's denials");
    const env = platformEnv(platform.dataDir);
    const shown = await runMailfold(["explain", reference], env);
    assert.deepEqual([shown.code, /auth-failures/.test(shown.stdout)], [0, true], shown.stderr);
  });

  test("it is an event in the audit feed, once", async () => {
    const [told] = await feed.until(() => feed.of("event").length > 0 && feed.of("event"));
    assert.deepEqual([told?.event?.type, told?.event?.id], ["IpDenied", guessing.id]);
    await assertDenied(guesser);
    assert.equal(feed.of("event").length, 1, "who knocks again and again is not denied anew");
  });

  test("others are served, the account that was tried stays open", async () => {
    assert.match(await imapLogin("192.0.2.63", user.password), /^a OK /m);
    assert.match(await smtpGreeting("192.0.2.63"), /^220 /);
    assert.equal((await http("192.0.2.63", "/graphql")).status, 200);
  });

  test("a harvest run over SMTP ends that session and denies IMAP, too", async () => {
    const { dialogue } = await openSession({ port: platform.ports.smtp, proxyFrom: harvester });
    await dialogue.command("MAIL FROM:<someone@foreign.example>");
    for (let n = 0; n < harvestLimit; n += 1) {
      assert.equal((await dialogue.command(`RCPT TO:<name${n}@${tenant.domain}>`)).code, 550);
    }
    assert.equal((await dialogue.command(`RCPT TO:<one.more@${tenant.domain}>`)).code, 550);
    const last = await dialogue.reply();
    assert.equal(last.code, 421);
    const reference = await assertDenied(harvester);
    assert.equal(referenceIn(last.text), reference);
    assert.equal((await found(reference)).reason, "harvest");
  });

  test("a denial outlives kill -9", async () => {
    feed.socket.terminate();
    await platform.stop("SIGKILL");
    platform = await startPlatform({ dataDir: platform.dataDir });
    assert.equal(await assertDenied(guesser), guessing.id);
  });

  test("a flood of refusals is ten verdicts and a count", async () => {
    const references = new Set<string>();
    for (let session = 0; session < 3; session += 1) {
      const { dialogue } = await openSession({ port: platform.ports.smtp, proxyFrom: flooder });
      await dialogue.command("MAIL FROM:<someone@foreign.example>");
      for (let n = 0; n < 20; n += 1) {
        const { code, text } = await dialogue.command(`RCPT TO:<r${session}-${n}@elsewhere.example>`);
        assert.equal(code, 550);
        references.add(/vrd_[0-9a-z]+/.exec(text)?.[0] ?? "");
      }
      dialogue.close();
    }
    assert.equal(references.size, 10, "all that came later quote the last of them");
    await platform.stop();
    platform = await startPlatform({ dataDir: platform.dataDir });
    type Event = { readonly data: { readonly prefix: string; readonly reason: string; readonly count: number } };
    const { auditEvents } = await platform.graphql<{ auditEvents: { nodes: readonly Event[] } }>(
      '{ auditEvents(first: 50, where: { types: ["VerdictsRepeated"] }) { nodes { data } } }',
    );
    const counted = auditEvents.nodes.filter(({ data }) => data.prefix === `${flooder}/32`);
    assert.deepEqual(
      counted.map(({ data }) => [data.reason, data.count]),
      [["relay-denied", 50]],
    );
  });

  test("it ends after denyDuration", { timeout: 90_000 }, async () => {
    assert.ok(guessing.until - Date.now() < denySeconds * 1_000);
    await assertDenied(guesser);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, guessing.until - Date.now()) + 1_000));
    assert.match(await smtpGreeting(guesser), /^220 /);
    assert.match(await imapLogin(guesser, user.password), /^a OK /m);
    assert.equal((await http(guesser, "/graphql")).status, 200);
  });
});
