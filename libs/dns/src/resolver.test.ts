import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { describe, test } from "node:test";
import { createDnsResolver, type DnsAnswer, dnsListName, reverseName } from "./resolver.ts";

/** A server that answers every question with one response code, or not at all. */
async function withServer<T>(rcode: number | "silent", use: (server: string) => Promise<T>): Promise<T> {
  const socket = createSocket("udp4");
  socket.on("message", (question, peer) => {
    if (rcode === "silent") return;
    const answer = Buffer.from(question.subarray(0, question.indexOf(0, 12) + 5));
    answer.writeUInt16BE(0x8180 | rcode, 2);
    answer.writeUInt16BE(1, 4);
    for (const at of [6, 8, 10]) answer.writeUInt16BE(0, at);
    socket.send(answer, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  try {
    return await use(`127.0.0.1:${socket.address().port}`);
  } finally {
    socket.close();
  }
}

const kinds = ["mx", "addresses", "txt", "ptr", "addressRecords", "cname"] as const;
const subjectOf = (kind: (typeof kinds)[number]) => (kind === "ptr" ? "192.0.2.1" : "example.test");

describe("resolver", () => {
  for (const kind of kinds) {
    test(`${kind}: NXDOMAIN is a proof of none; SERVFAIL and silence are failures, never mistaken for it`, async () => {
      const ask = (rcode: number | "silent") =>
        withServer<DnsAnswer<unknown>>(rcode, (server) =>
          createDnsResolver({ server, timeoutMs: 600 })[kind]!(subjectOf(kind)),
        );
      assert.deepEqual(await ask(3), { status: "none", noSuchName: true });
      assert.deepEqual(await ask(0), { status: "none" });
      assert.equal((await ask(2)).status, "failed");
      assert.equal((await ask("silent")).status, "failed");
    });
  }

  test("addresses of one family: NXDOMAIN says that there is no such name; a failure is a failure", async () => {
    for (const family of [4, 6] as const) {
      const ask = (rcode: number | "silent") =>
        withServer(rcode, (server) => createDnsResolver({ server, timeoutMs: 600 }).addresses("example.test", family));
      assert.deepEqual(await ask(3), { status: "none", noSuchName: true });
      assert.deepEqual(await ask(0), { status: "none" });
      assert.equal((await ask(2)).status, "failed");
    }
  });

  test("names under a DNS list (RFC 5782)", () => {
    assert.equal(dnsListName("192.0.2.99", "bad.example.com"), "99.2.0.192.bad.example.com");
    assert.equal(
      dnsListName("2001:db8:1:2:3:4:567:89ab", "ugly.example.com"),
      "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com",
    );
  });

  test("names of PTR records", () => {
    assert.equal(reverseName("192.0.2.7"), "7.2.0.192.in-addr.arpa");
    assert.equal(reverseName("::ffff:192.0.2.7"), "7.2.0.192.in-addr.arpa");
    assert.equal(reverseName("2001:db8::1"), `1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`);
  });
});
