import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { reverseName } from "../dns-responder.ts";
import { testEveryRefusal } from "../explained-refusals.ts";
import { everywhere } from "../policy-calls.ts";
import { provisionTenant } from "../provision.ts";
import { type OptionWorld, say, startOptionWorld } from "./option-world.ts";

const printer = "192.0.2.30";
const outside = "someone@elsewhere.example";
let world: OptionWorld;
before(async () => {
  world = await startOptionWorld({
    records: [
      [reverseName(printer), "PTR", "printer.acme.test."],
      ["printer.acme.test", "A", printer],
    ],
  });
});
after(() => world?.stop());

/** From this peer to the outside: `code reason`; what was taken must have left. */
async function relay(ip: string, from = "someone@foreign.example"): Promise<string> {
  const to = `probe-${ip.replaceAll(".", "-")}-${from.split("@")[0]}@elsewhere.example`;
  const answer = await world.send({ ip, from, to: [to] });
  if (answer.startsWith("250")) assert.equal((await world.sink.letterTo(to)).from, from);
  return answer;
}

describe("Relay", () => {
  test("No Mail Relay", async () => {
    assert.equal(await relay("192.0.2.1"), "550 relay-denied");
    assert.equal(await relay("192.0.2.1", "user@acme.test"), "550 relay-denied", "a spoofed local user");
    assert.equal(await world.send({ ip: "192.0.2.1" }), "250 accepted", "mail to local is unaffected");
    assert.equal(await world.submit({ to: [outside] }), "250 relay-login", "unless the user authenticates");
  });

  test("Relay mail for Addresses", async () => {
    await world.set({ relayMode: "addresses", relayAddresses: ["198.51.100.7", "203.0.113.0/25"] });
    assert.equal(await relay("198.51.100.7"), "250 relay-address");
    assert.equal(await relay("203.0.113.127"), "250 relay-address");
    assert.equal(await relay("198.51.100.8"), "550 relay-denied");
    assert.equal(await relay("203.0.113.128"), "550 relay-denied");
    await world.set({ relayMode: "none" });
    assert.equal(await relay("198.51.100.7"), "550 relay-denied", "in force at once, no restart");
  });

  test("Relay mail for Local Hosts Only", async () => {
    await world.set({ relayMode: "localHosts" });
    assert.equal(await relay(printer, "scanner@acme.test"), "250 relay-local-host");
    assert.equal(await relay("192.0.2.31", "scanner@acme.test"), "550 relay-denied");
    await world.set({ relayMode: "none" });
  });

  test("Relay for Local Users Only", async () => {
    await world.set({ unlocks: ["localUsers"] }, everywhere);
    await world.set({ relayMode: "localUsers" });
    assert.equal(await relay("192.0.2.40", "user@acme.test"), "250 relay-local-user");
    assert.equal(await relay("192.0.2.40", "nobody@acme.test"), "550 relay-denied", "no existing user id");
    assert.equal(await relay("192.0.2.40"), "550 relay-denied");
    await world.set({ relayMode: "none" });
  });

  test("Relay mail for anyone", async () => {
    await world.set({ unlocks: ["anyone"] }, everywhere);
    await world.set({ relayMode: "anyone" }, everywhere);
    assert.equal(await relay("192.0.2.50"), "250 relay-anyone");
    await world.set({ relayMode: "none", unlocks: [] }, everywhere);
    assert.equal(await relay("192.0.2.51"), "550 relay-denied");
  });

  test("The installer's choice", async () => {
    const branch = await provisionTenant(world.platform, "branch");
    await world.set({ relayMode: "addresses", relayAddresses: ["198.51.100.60"] }, everywhere);
    const answer = await relay("198.51.100.60", `user@${branch.domain}`);
    assert.equal(answer, "250 relay-address", "a tenant that chose nothing inherits the platform's");
    await world.set({ relayMode: "none", relayAddresses: [] }, everywhere);
  });

  test("DKIM skipped for relay addresses", async () => {
    await world.set({ relayMode: "addresses", relayAddresses: ["198.51.100.70"] });
    const session = await world.session("198.51.100.70");
    await say(session, "MAIL FROM:<user@acme.test>", "RCPT TO:<own-host@elsewhere.example>", "DATA");
    const forged =
      "DKIM-Signature: v=1; a=rsa-sha256; d=acme.test; s=none; h=from; bh=aaaa; b=bbbb\nFrom: user@acme.test\n\nx\n";
    assert.equal(await world.outcome(await session.dialogue.body(forged)), "250 relay-address");
    session.dialogue.close();
    const { message } = await world.sink.letterTo("own-host@elsewhere.example");
    assert.doesNotMatch(message, /^Authentication-Results:/im, "an own host's mail is not judged by its signature");
    await world.set({ relayMode: "none" });
  });
});

testEveryRefusal(() => world.platform);
