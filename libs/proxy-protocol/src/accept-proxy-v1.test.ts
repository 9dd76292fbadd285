import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { acceptProxyV1, canonicalIp, compileCidrs, type ProxyOutcome, parseProxyV1 } from "./index.ts";

describe("parseProxyV1", () => {
  test("reads both families and UNKNOWN", () => {
    assert.deepEqual(parseProxyV1("PROXY TCP4 192.0.2.7 198.51.100.1 5000 25"), {
      kind: "client",
      source: { remoteAddress: "192.0.2.7", remotePort: 5000 },
    });
    assert.deepEqual(parseProxyV1("PROXY TCP6 2001:DB8:0::7 2001:db8::1 1 65535"), {
      kind: "client",
      source: { remoteAddress: "2001:db8::7", remotePort: 1 },
    });
    assert.deepEqual(parseProxyV1("PROXY UNKNOWN ffff::1 ::2 1 2"), { kind: "unknown" });
  });
  test("refuses every other text", () => {
    const bad = [
      "",
      "PROXY",
      "proxy TCP4 192.0.2.7 198.51.100.1 5000 25",
      "PROXY TCP4 192.0.2.7 198.51.100.1 5000",
      "PROXY TCP4 192.0.2.7  198.51.100.1 5000 25",
      "PROXY TCP4 2001:db8::1 198.51.100.1 5000 25",
      "PROXY TCP6 192.0.2.7 2001:db8::1 5000 25",
      "PROXY TCP4 0300.0.2.7 198.51.100.1 5000 25",
      "PROXY TCP4 192.0.2.7 198.51.100.1 65536 25",
      "PROXY TCP4 192.0.2.7 198.51.100.1 05 25",
      "PROXY TCP4 192.0.2.7 198.51.100.1 -1 25",
      "PROXY UDP4 192.0.2.7 198.51.100.1 1 25",
      "PROXY TCP6 fe80::1%eth0 ::1 1 25",
    ];
    for (const line of bad) assert.equal(parseProxyV1(line), undefined, line);
    fc.assert(fc.property(fc.string(), (text) => parseProxyV1(text) === undefined || text.startsWith("PROXY ")));
  });
});

describe("addresses", () => {
  test("one spelling for each", () => {
    assert.equal(canonicalIp("::ffff:192.0.2.1"), "192.0.2.1");
    assert.equal(canonicalIp("2001:DB8::0:1"), "2001:db8::1");
    assert.equal(canonicalIp("2130706433"), undefined);
    assert.equal(canonicalIp("host"), undefined);
  });
  test("membership, and a clear refusal of a wrong entry", () => {
    const trusted = compileCidrs(["127.0.0.0/8", "2001:db8::/32", "::1"]);
    for (const ip of ["127.9.9.9", "::ffff:127.0.0.1", "2001:db8:5::1", "::1"]) assert.ok(trusted(ip), ip);
    for (const ip of ["128.0.0.1", "2001:db9::1", "", "::2"]) assert.ok(!trusted(ip), ip);
    assert.throws(() => compileCidrs(["10.0.0.0/33"]), /neither an IP address nor a CIDR/);
  });
});

describe("acceptProxyV1", () => {
  let server: Server;
  let trusted = true;
  const accepted: { outcome: Promise<ProxyOutcome>; socket: Socket }[] = [];
  before(async () => {
    server = createServer((socket) => {
      socket.on("error", () => {});
      const outcome = acceptProxyV1(socket, { trusted: () => trusted, timeoutMs: 300 });
      accepted.push({ outcome, socket });
      server.emit("accepted");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => new Promise((done) => server.close(done)));

  async function dial(): Promise<{ client: Socket; outcome: Promise<ProxyOutcome>; socket: Socket }> {
    const arrived = once(server, "accepted");
    const client = connect((server.address() as { port: number }).port, "127.0.0.1");
    client.on("error", () => {});
    client.setNoDelay(true);
    await arrived;
    return { client, ...accepted.pop()! };
  }

  test("yields the client and leaves what follows to the protocol, however it is cut", async () => {
    for (const pieceBytes of [1, 7, 1000]) {
      const { client, outcome, socket } = await dial();
      const bytes = Buffer.from("PROXY TCP4 192.0.2.9 198.51.100.1 4000 25\r\nEHLO x\r\n");
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        client.write(bytes.subarray(at, at + pieceBytes));
        if (pieceBytes === 1) await new Promise((done) => setImmediate(done));
      }
      assert.deepEqual(await outcome, { ok: true, proxied: true, remoteAddress: "192.0.2.9", remotePort: 4000 });
      let rest = "";
      for await (const chunk of socket) {
        rest += chunk;
        if (rest.length >= 8) break;
      }
      assert.equal(rest, "EHLO x\r\n");
      client.destroy();
    }
  });
  test("UNKNOWN keeps the peer's own address", async () => {
    const { client, outcome } = await dial();
    client.write("PROXY UNKNOWN\r\n");
    const result = await outcome;
    assert.ok(result.ok && !result.proxied && result.remoteAddress === "127.0.0.1");
    client.destroy();
  });
  test("refuses nonsense at once, an endless line at 107 octets, silence at the deadline, and a hang-up", async () => {
    for (const bytes of ["EHLO x\r\n", `PROXY ${"x".repeat(200)}`, "", undefined]) {
      const { client, outcome, socket } = await dial();
      if (bytes === undefined) client.end();
      else client.write(bytes);
      assert.equal((await outcome).ok, false);
      assert.ok(socket.destroyed);
      client.destroy();
    }
  });
  test("reads nothing from an untrusted peer", async () => {
    trusted = false;
    const { client, outcome, socket } = await dial();
    client.write("PROXY TCP4 192.0.2.9 198.51.100.1 4000 25\r\n");
    assert.deepEqual(
      { ...(await outcome), remotePort: 0 },
      {
        ok: true,
        proxied: false,
        remoteAddress: "127.0.0.1",
        remotePort: 0,
      },
    );
    const [chunk] = await once(socket, "data");
    assert.match(String(chunk), /^PROXY /);
    client.destroy();
  });
});
