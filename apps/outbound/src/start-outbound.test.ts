import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { describe, test } from "node:test";
import type { MessageId } from "@mailfold/kernel";
import { attemptsOf, bouncesOf, finishedOf, remoteHost, workUntil } from "./remote-host-test-world.ts";

describe("outbound delivery", () => {
  const remote = remoteHost();
  const { received, world } = remote;

  test("delivers to the MX host with prefix and body, over TLS when offered", async () => {
    const house = world();
    const id = await house.queue();
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.deepEqual(finishedOf(house, id), { messageId: id, delivered: 1, failed: 0, bounce: "not-needed" });
    assert.equal(received[0]?.raw.toString(), "Received: by mx\r\nSubject: hello\r\n\r\nbody\r\n");
    assert.equal(received[0]?.secure, true);
    assert.equal(attemptsOf(house, id)[0]?.tls, "opportunistic");
  });

  test("a temporary refusal waits for its delay and survives a restart", async () => {
    const house = world();
    const id = await house.queue();
    remote.rcptAnswer = () => ({ code: 451, text: "4.7.1 greylisted" });
    await workUntil(house, () => attemptsOf(house, id).length === 1);
    assert.equal(attemptsOf(house, id)[0]?.nextAttemptAt, house.now + 1_000);
    remote.rcptAnswer = () => undefined;
    await workUntil(house, () => attemptsOf(house, id).length === 1);
    assert.equal(received.length, 0, "not before its time");
    house.now += 1_000;
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(received.length, 1);
  });

  test("one of three recipients refused: one bounce to the sender's mailbox, naming just that one", async () => {
    const house = world({ localMailbox: "alice@ours.test" });
    const id = await house.queue({ recipients: ["a@far.test", "b@far.test", "c@far.test"] });
    remote.rcptAnswer = (address) => (address === "b@far.test" ? { code: 550, text: "5.1.1 no such user" } : undefined);
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.deepEqual(finishedOf(house, id), { messageId: id, delivered: 2, failed: 1, bounce: "sent" });
    assert.deepEqual(received[0]?.to, ["a@far.test", "c@far.test"]);
    const [bounce] = bouncesOf(house);
    assert.equal(bouncesOf(house).length, 1);
    assert.ok(bounce);
    const { body, prefix } = bounce.data as { body: { sha256: string }; prefix: string };
    const text = new TextDecoder().decode(house.bodies.get(body.sha256));
    assert.match(prefix, /^Return-Path: <>\r\nDelivered-To: alice@ours\.test\r\n/);
    assert.match(text, /Final-Recipient: rfc822; b@far\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\n/);
    assert.match(text, /multipart\/report; report-type=delivery-status/);
    assert.match(text, /Subject: hello/, "the original header comes back");
    assert.match(text, /\r\n\r\nReceived: by mx\r\nSubject: hello\r\n/, "with what this host put before it");
    assert.match(text, /\r\nDiagnostic-Code: smtp; 550 5\.1\.1 no such user\r\n/);
    assert.doesNotMatch(text, /[ac]@far\.test/);
  });

  test("a remote sender's bounce is queued with the null sender, and is itself never bounced", async () => {
    const house = world();
    const id = await house.queue({ sender: "x@far.test", vouchedBy: "ip-entry" });
    remote.rcptAnswer = () => ({ code: 550, text: "5.1.1 no" });
    await workUntil(house, () => [...house.streams.keys()].filter((name) => name.startsWith("outbound-")).length === 2);
    const bounceId = [...house.streams.keys()].map((name) => name.slice(9)).find((each) => each !== id) as MessageId;
    assert.equal((house.events(bounceId)[0]?.data as { sender: string } | undefined)?.sender, "");
    await workUntil(house, () => finishedOf(house, bounceId) !== undefined);
    assert.equal(finishedOf(house, bounceId)?.bounce, "suppressed");
    assert.equal(house.streams.size, 2);
  });

  test("nobody vouched for the sender: no bounce", async () => {
    const house = world({ localMailbox: "alice@ours.test" });
    const id = await house.queue({ vouchedBy: "none" });
    remote.dataAnswer = () => ({ code: 554, text: "5.6.0 no" });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(finishedOf(house, id)?.bounce, "suppressed");
    assert.equal(bouncesOf(house).length, 0);
  });

  test("time runs out: one bounce with status 5.4.7", async () => {
    const house = world({ localMailbox: "alice@ours.test" });
    const id = await house.queue({ lifeMs: 500 });
    remote.rcptAnswer = () => ({ code: 451, text: "4.2.0 later" });
    await workUntil(house, () => attemptsOf(house, id).length === 1);
    house.now += 500;
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(finishedOf(house, id)?.bounce, "sent");
    const bounce = bouncesOf(house)[0]?.data as { body: { sha256: string } };
    assert.match(new TextDecoder().decode(house.bodies.get(bounce.body.sha256)), /Status: 5\.4\.7/);
  });

  test("DNS without an answer defers; a null MX, an unknown domain and inward addresses fail without connecting", async () => {
    const mx = {
      "servfail.test": "failed",
      "null.test": [{ exchange: "", priority: 0 }],
      "inward.test": [{ exchange: "in.test", priority: 0 }],
    } as const;
    const house = world({
      mx,
      addresses: { "in.test": ["10.0.0.1", "127.0.0.1", "::1", "169.254.1.1"] },
      allowPrivate: false,
    });
    const id = await house.queue({ recipients: ["a@servfail.test", "b@null.test", "c@inward.test", "d@unknown.test"] });
    await workUntil(house, () => attemptsOf(house, id).length === 4);
    const results = Object.fromEntries(
      attemptsOf(house, id).flatMap((attempt) =>
        attempt.results.map((result) => [result.recipient, `${result.outcome} ${result.enhancedCode}`]),
      ),
    );
    assert.deepEqual(results, {
      "a@servfail.test": "deferred 4.4.3",
      "b@null.test": "failed 5.1.10",
      "c@inward.test": "failed 5.4.4",
      "d@unknown.test": "failed 5.1.2",
    });
    assert.equal(received.length, 0);
  });

  test("a bare CR or LF in the body leaves as CRLF: nothing is smuggled", async () => {
    const house = world();
    const id = await house.queue({ body: "Subject: x\r\n\r\na\n.\nMAIL FROM:<x@y>\rb\r.\r\nc\r\n" });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(received.length, 1);
    assert.equal(
      received[0]?.raw.toString(),
      "Received: by mx\r\nSubject: x\r\n\r\na\r\n.\r\nMAIL FROM:<x@y>\r\nb\r\n.\r\nc\r\n",
    );
  });

  test("the bounce of an internationalised address says so in the types made for it (RFC 6533)", async () => {
    const house = world({ localMailbox: "alice@ours.test" });
    const id = await house.queue({ recipients: ["jürgen@far.test"] });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    const bounce = bouncesOf(house)[0]?.data as { body: { sha256: string } } | undefined;
    const text = new TextDecoder().decode(house.bodies.get(bounce?.body.sha256 ?? ""));
    assert.match(text, /Content-Type: message\/global-delivery-status\r\n/);
    assert.match(text, /Final-Recipient: utf-8; jürgen@far\.test\r\nAction: failed\r\nStatus: 5\.6\.7\r\n/);
  });

  test("takes its leave with QUIT (RFC 5321 4.1.1.10)", async () => {
    const commands: string[] = [];
    const server: Server = createServer((socket) => {
      socket.on("error", () => undefined);
      let inData = false;
      socket.write("220 plain\r\n");
      socket.on("data", (chunk) => {
        for (const line of chunk.toString().split("\r\n").slice(0, -1)) {
          if (inData && line !== ".") continue;
          inData = line === "DATA";
          if (line !== ".") commands.push(line.slice(0, 4));
          socket.write(inData ? "354 go\r\n" : "250 ok\r\n");
          if (line === "QUIT") socket.end();
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const house = world({ port: (server.address() as { port: number }).port });
    const id = await house.queue();
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    assert.deepEqual(commands, ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]);
  });

  test("an internationalised address fails where the other side does not take it", async () => {
    const house = world();
    const id = await house.queue({ recipients: ["jürgen@far.test"], vouchedBy: "none" });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(attemptsOf(house, id)[0]?.results[0]?.enhancedCode, "5.6.7");
  });
});
