import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import type { DeliveryAttempted, OutboundFinished } from "@mailfold/events";
import type { MessageId } from "@mailfold/kernel";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { createOutboundWorld, type OutboundWorld, type WorldOptions } from "./outbound-test-world.ts";
import { startOutbound } from "./start-outbound.ts";

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Buffer;
  readonly secure: boolean;
}

const received: Received[] = [];
let rcptAnswer: (address: string) => { code: number; text: string } | undefined = () => undefined;
let dataAnswer: () => { code: number; text: string } | undefined = () => undefined;

function fail(answer: { code: number; text: string }): Error {
  return Object.assign(new Error(answer.text), { responseCode: answer.code });
}

function remoteServer(more: SMTPServerOptions = {}): SMTPServer {
  return new SMTPServer({
    logger: false,
    authOptional: true,
    disabledCommands: ["AUTH"],
    hideSMTPUTF8: true,
    onRcptTo(address, _session, done) {
      const answer = rcptAnswer(address.address);
      done(answer === undefined ? null : fail(answer));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const answer = dataAnswer();
        if (answer !== undefined) return done(fail(answer));
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? "" : (mailFrom?.address ?? ""),
          to: rcptTo.map((to) => to.address),
          raw: Buffer.concat(chunks),
          secure: session.secure,
        });
        done(null);
      });
    },
    ...more,
  });
}

let port = 0;
let remote: SMTPServer;
before(async () => {
  remote = remoteServer();
  await new Promise<void>((resolve) => remote.listen(0, "127.0.0.1", resolve));
  port = (remote.server.address() as { port: number }).port;
});
after(() => new Promise<void>((resolve) => remote.close(() => resolve())));
beforeEach(() => {
  received.length = 0;
  rcptAnswer = () => undefined;
  dataAnswer = () => undefined;
});

function world(more: Partial<WorldOptions> = {}): OutboundWorld {
  const mx = { "far.test": [{ exchange: "mx.far.test", priority: 10 }] };
  return createOutboundWorld({ port, mx, addresses: { "mx.far.test": ["127.0.0.1"] }, ...more });
}

/** Runs workers until the condition holds. */
async function workUntil(house: OutboundWorld, done: () => boolean): Promise<void> {
  const outbound = startOutbound(house.deps, house.config);
  const deadline = Date.now() + 10_000;
  while (!done() && Date.now() < deadline) {
    outbound.kick();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await outbound.close();
  assert.ok(done(), "condition not reached in 10 s");
}
const finishedOf = (house: OutboundWorld, id: MessageId) =>
  house.events(id).find((event) => event.type === "OutboundFinished")?.data as OutboundFinished["data"] | undefined;
const attemptsOf = (house: OutboundWorld, id: MessageId) =>
  house
    .events(id)
    .filter((event) => event.type === "DeliveryAttempted")
    .map((event) => event.data as DeliveryAttempted["data"]);
const bouncesOf = (house: OutboundWorld) =>
  [...house.streams].filter(([name]) => name.startsWith("mail-")).flatMap(([, events]) => events);

describe("outbound delivery", () => {
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
    rcptAnswer = () => ({ code: 451, text: "4.7.1 greylisted" });
    await workUntil(house, () => attemptsOf(house, id).length === 1);
    assert.equal(attemptsOf(house, id)[0]?.nextAttemptAt, house.now + 1_000);
    rcptAnswer = () => undefined;
    await workUntil(house, () => attemptsOf(house, id).length === 1);
    assert.equal(received.length, 0, "not before its time");
    house.now += 1_000;
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(received.length, 1);
  });

  test("one of three recipients refused: one bounce to the sender's mailbox, naming just that one", async () => {
    const house = world({ localMailbox: "alice@ours.test" });
    const id = await house.queue({ recipients: ["a@far.test", "b@far.test", "c@far.test"] });
    rcptAnswer = (address) => (address === "b@far.test" ? { code: 550, text: "5.1.1 no such user" } : undefined);
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
    rcptAnswer = () => ({ code: 550, text: "5.1.1 no" });
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
    dataAnswer = () => ({ code: 554, text: "5.6.0 no" });
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(finishedOf(house, id)?.bounce, "suppressed");
    assert.equal(bouncesOf(house).length, 0);
  });

  test("time runs out: one bounce with status 5.4.7", async () => {
    const house = world({ localMailbox: "alice@ours.test" });
    const id = await house.queue({ lifeMs: 500 });
    rcptAnswer = () => ({ code: 451, text: "4.2.0 later" });
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

describe("outbound against broken servers", () => {
  test("a failing TLS handshake falls back to clear text", async () => {
    // Speaks SMTP, offers STARTTLS, then answers the handshake with rubbish; without STARTTLS it takes mail.
    const server: Server = createServer((socket) => {
      socket.write("220 broken\r\n");
      let inData = false;
      let rubbish = false;
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        if (rubbish) return socket.end("this is not TLS\r\n");
        for (const line of chunk
          .toString()
          .split("\r\n")
          .filter((each) => each !== "")) {
          if (inData) {
            if (line === ".") {
              inData = false;
              socket.write("250 ok\r\n");
            }
          } else if (line.startsWith("EHLO")) socket.write("250-broken\r\n250 STARTTLS\r\n");
          else if (line === "STARTTLS") {
            rubbish = true;
            socket.write("220 go\r\n");
          } else if (line === "DATA") {
            inData = true;
            socket.write("354 go\r\n");
          } else socket.write("250 ok\r\n");
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const house = world({ port: (server.address() as { port: number }).port });
    const id = await house.queue();
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(attemptsOf(house, id)[0]?.tls, "none");
    assert.equal(finishedOf(house, id)?.delivered, 1);
    server.close();
  });

  test("a silent server is given up at the deadline, and the next MX is tried", async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined));
    await new Promise<void>((resolve) => silent.listen({ port, host: "127.0.0.2" }, resolve));
    const mx = {
      "far.test": [
        { exchange: "good.test", priority: 20 },
        { exchange: "silent.test", priority: 10 },
      ],
    };
    const house = world({ mx, addresses: { "silent.test": ["127.0.0.2"], "good.test": ["127.0.0.1"] } });
    Object.assign(house.config, { timeoutMs: 300 });
    const id = await house.queue();
    await workUntil(house, () => finishedOf(house, id) !== undefined);
    assert.equal(attemptsOf(house, id)[0]?.host, "good.test");
    silent.close();
  });

  test("a silent destination holds up nobody else's mail, and is not waited for by each message", async () => {
    let dialled = 0;
    const silent = createServer((socket) => {
      dialled += 1;
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => silent.listen({ port, host: "127.0.0.2" }, resolve));
    const mx = {
      "far.test": [{ exchange: "good.test", priority: 10 }],
      "hole.test": [{ exchange: "silent.test", priority: 10 }],
    };
    const house = world({ mx, addresses: { "silent.test": ["127.0.0.2"], "good.test": ["127.0.0.1"] } });
    Object.assign(house.config, { timeoutMs: 1_000 });
    const lost: MessageId[] = [];
    for (let n = 0; n < 30; n += 1) lost.push(await house.queue({ recipients: ["x@hole.test"] }));
    const id = await house.queue();
    let attemptedBefore = 0;
    await workUntil(house, () => {
      if (finishedOf(house, id) !== undefined) return true;
      attemptedBefore = lost.filter((each) => attemptsOf(house, each).length > 0).length;
      return false;
    });
    assert.equal(attemptedBefore, 0, "the silent host's first time-out was still to come");
    await workUntil(house, () => lost.every((each) => attemptsOf(house, each).length === 1));
    assert.ok(dialled <= 2 * house.config.perDestination, `${dialled} connections`);
    assert.match(attemptsOf(house, lost[29] as MessageId)[0]?.results[0]?.text ?? "", /did not answer shortly before/);
    silent.close();
  });

  test("what one destination took is on record while another of the same message is still waited for", async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined));
    await new Promise<void>((resolve) => silent.listen({ port, host: "127.0.0.5" }, resolve));
    const mx = {
      "far.test": [{ exchange: "good.test", priority: 10 }],
      "hole.test": [{ exchange: "silent.test", priority: 10 }],
    };
    const house = world({ mx, addresses: { "silent.test": ["127.0.0.5"], "good.test": ["127.0.0.1"] } });
    Object.assign(house.config, { timeoutMs: 700 });
    const id = await house.queue({ recipients: ["x@hole.test", "y@far.test"] });
    const outcomes = () =>
      attemptsOf(house, id).map(({ results }) => `${results[0]?.recipient} ${results[0]?.outcome}`);
    let first: readonly string[] = [];
    await workUntil(house, () => {
      if (first.length === 0) first = outcomes();
      return outcomes().length === 2;
    });
    assert.deepEqual(first, ["y@far.test delivered"]);
    assert.deepEqual(outcomes(), ["y@far.test delivered", "x@hole.test deferred"]);
    house.now += 1_000;
    await workUntil(house, () => attemptsOf(house, id).length === 3);
    assert.equal(received.length, 1, "the one delivered is not sent again");
    silent.close();
  });

  test("a backup that refuses at its greeting does not end what the first host may take later", async () => {
    const refusing = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("554 no mail here\r\n");
    });
    await new Promise<void>((resolve) => refusing.listen({ port, host: "127.0.0.3" }, resolve));
    const mx = {
      "far.test": [
        { exchange: "away.test", priority: 10 },
        { exchange: "refusing.test", priority: 20 },
      ],
    };
    // Nobody listens on 127.0.0.4.
    const house = world({ mx, addresses: { "away.test": ["127.0.0.4"], "refusing.test": ["127.0.0.3"] } });
    const id = await house.queue();
    await workUntil(house, () => attemptsOf(house, id).length === 1);
    assert.equal(attemptsOf(house, id)[0]?.results[0]?.outcome, "deferred");
    refusing.close();
  });

  test("of two workers on one message, one record stays", async () => {
    const house = world();
    const id = await house.queue();
    const [a, b] = [startOutbound(house.deps, house.config), startOutbound(house.deps, house.config)];
    const deadline = Date.now() + 5_000;
    while (finishedOf(house, id) === undefined && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await Promise.all([a.close(), b.close()]);
    assert.deepEqual(
      house.events(id).map((event) => event.type),
      ["MessageQueued", "DeliveryAttempted", "OutboundFinished"],
    );
  });
});
