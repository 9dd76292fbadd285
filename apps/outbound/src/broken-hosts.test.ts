import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { describe, test } from "node:test";
import type { MessageId } from "@mailfold/kernel";
import { attemptsOf, finishedOf, remoteHost, workUntil } from "./remote-host-test-world.ts";
import { startOutbound } from "./start-outbound.ts";

describe("outbound against broken servers", () => {
  const remote = remoteHost();
  const { received, world } = remote;

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
    await new Promise<void>((resolve) => silent.listen({ port: remote.port, host: "127.0.0.2" }, resolve));
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
    await new Promise<void>((resolve) => silent.listen({ port: remote.port, host: "127.0.0.2" }, resolve));
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
    await new Promise<void>((resolve) => silent.listen({ port: remote.port, host: "127.0.0.5" }, resolve));
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
    await new Promise<void>((resolve) => refusing.listen({ port: remote.port, host: "127.0.0.3" }, resolve));
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
