import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { testEveryRefusal } from "../explained-refusals.ts";
import { everywhere } from "../policy-calls.ts";
import { connectRaw, restOf } from "../raw-peer.ts";
import { type OptionWorld, say, startOptionWorld } from "./option-world.ts";

const denyDuration = 240;
let world: OptionWorld;
before(async () => {
  world = await startOptionWorld();
  await world.set({ denyDuration }, everywhere);
});
after(() => world?.stop());

interface Denied {
  readonly prefix: string;
  readonly reason: string;
  readonly until: number;
}
/** The denial of a prefix, once it is on record. */
async function denialOf(prefix: string): Promise<Denied> {
  for (const endsAt = Date.now() + 10_000; Date.now() < endsAt; ) {
    const data = await world.platform.graphql<{ auditEvents: { nodes: readonly { data: Denied }[] } }>(
      '{ auditEvents(first: 50, where: { types: ["IpDenied"] }) { nodes { data } } }',
    );
    const found = data.auditEvents.nodes.find((node) => node.data.prefix === prefix);
    if (found !== undefined) return found.data;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${prefix} was not denied`);
}

async function smtpGreeting(ip: string): Promise<number> {
  const { dialogue, greeting } = await world.session(ip);
  dialogue.close();
  return greeting.code;
}
/** Asks for recipients one by one; answers the codes. */
async function tryRecipients(ip: string, locals: readonly string[]): Promise<readonly number[]> {
  const session = await world.session(ip);
  await say(session, "MAIL FROM:<someone@foreign.example>");
  const codes: number[] = [];
  for (const local of locals) codes.push((await say(session, `RCPT TO:<${local}@acme.test>`)).code);
  session.dialogue.close();
  return codes;
}
/** Logs in over IMAP with TLS; answers all that is said. */
async function imapLogin(ip: string, password: string): Promise<string> {
  const tls = connectTls({ socket: await connectRaw(world.platform.ports.imaps, ip, ""), rejectUnauthorized: false });
  tls.on("error", () => {});
  tls.write(`a LOGIN "${world.user.address}" "${password}"\r\nb LOGOUT\r\n`);
  return restOf(tls);
}

describe("Attack controls", () => {
  test("Auto-deny IP sending >512 chars in a command", async () => {
    await world.set({ overlongAction: "deny" }, everywhere);
    const session = await world.session("192.0.2.10");
    assert.equal((await say(session, `NOOP ${"x".repeat(600)}`)).code, 421);
    assert.equal((await denialOf("192.0.2.10/32")).reason, "overlong-command");
    assert.equal(await smtpGreeting("192.0.2.10"), 421);
    assert.equal(await smtpGreeting("192.0.2.11"), 220);
    await world.set({ overlongAction: "reject" }, everywhere);
    const gentle = await world.session("192.0.2.12");
    assert.equal((await say(gentle, `NOOP ${"x".repeat(600)}`)).code, 500);
    assert.equal((await say(gentle, "NOOP")).code, 250);
    gentle.dialogue.close();
  });

  test("Disable SMTP VRFY", async () => {
    const verify = async () => {
      const session = await world.session("192.0.2.13");
      const codes = [await say(session, "VRFY user@acme.test"), await say(session, "VRFY nobody@acme.test")];
      session.dialogue.close();
      return codes.map((reply) => reply.code);
    };
    assert.deepEqual(await verify(), [252, 252], "the default tells nothing");
    await world.set({ vrfy: 502 }, everywhere);
    assert.deepEqual(await verify(), [502, 502]);
    await world.set({ vrfy: "local" }, everywhere);
    assert.deepEqual(await verify(), [250, 550]);
    await world.set({ vrfy: 252 }, everywhere);
  });

  test("Dictionary Attack Options", async () => {
    await world.set({ harvestLimit: 3 }, everywhere);
    assert.deepEqual(await tryRecipients("192.0.2.20", ["aa", "ab"]), [550, 550]);
    assert.equal(await smtpGreeting("192.0.2.20"), 220, "within the limit");
    await tryRecipients("192.0.2.20", ["ac", "ad"]);
    const { reason } = await denialOf("192.0.2.20/32");
    assert.equal(reason, "harvest");
    assert.equal(await smtpGreeting("192.0.2.20"), 421);
    await world.set({ harvestLimit: 0 }, everywhere);
    await tryRecipients("192.0.2.21", ["aa", "ab", "ac", "ad", "ae"]);
    assert.equal(await smtpGreeting("192.0.2.21"), 220, "0 = never");
    await world.set({ harvestLimit: 20 }, everywhere);
  });

  test("Account Harvesting Prevention", async () => {
    await world.set({ authFailureLimit: 2 }, everywhere);
    for (const password of ["wrong 1", "wrong 2", "wrong 3"])
      assert.match(await imapLogin("192.0.2.30", password), /^a NO /m);
    assert.equal((await denialOf("192.0.2.30/32")).reason, "auth-failures");
    assert.equal(await smtpGreeting("192.0.2.30"), 421, "SMTP shares what IMAP counted");
    assert.match(await restOf(await connectRaw(world.platform.ports.imap, "192.0.2.30", "")), /^\* BYE /);
    assert.match(await imapLogin("192.0.2.31", world.user.password), /^a OK /m, "the account itself is open");
    await world.set({ authFailureLimit: 10 }, everywhere);
  });

  test("Blacklist Duration", async () => {
    await world.set({ harvestLimit: 1, denyDuration: 60 }, everywhere);
    const startedAt = Date.now();
    await tryRecipients("192.0.2.40", ["aa", "ab"]);
    const short = await denialOf("192.0.2.40/32");
    assert.ok(Math.abs(short.until - startedAt - 60_000) < 10_000, "as long as it is set");
    const other = await denialOf("192.0.2.10/32");
    assert.ok(other.until - short.until > 60_000, "the earlier one keeps its own time");
  });
});

testEveryRefusal(() => world.platform);
