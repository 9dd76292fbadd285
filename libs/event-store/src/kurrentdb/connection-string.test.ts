import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { startKurrentDouble } from "../../../../test/doubles/kurrentdb/kurrent-double.ts";
import { plainCodec } from "../../../../test/doubles/kurrentdb/plain-codec.ts";
import { EventStoreFault } from "../port.ts";
import { parseKurrentConnectionString } from "./connection-string.ts";
import { openKurrentEventStore } from "./kurrent-event-store.ts";

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../../../test/doubles/kurrentdb/fixtures/${name}`, import.meta.url));

describe("kurrentdb connection string", () => {
  test("schemes, hosts, ports and options", () => {
    for (const scheme of ["kurrentdb", "kurrent", "kdb", "esdb"]) {
      const target = parseKurrentConnectionString(`${scheme}://a.test,b.test:2114/?tls=false&keepAliveInterval=20000`);
      assert.deepEqual(target.hosts, [
        { address: "a.test", port: 2113 },
        { address: "b.test", port: 2114 },
      ]);
      assert.equal(target.tls, false);
      assert.equal(target.discover, false);
      assert.equal(target.keepAliveIntervalMs, 20_000);
      assert.equal(target.shown, "a.test:2113,b.test:2114");
    }
    const found = parseKurrentConnectionString("kurrentdb+discover://u:p@cluster.test?nodePreference=readOnlyReplica");
    assert.equal(found.discover, true);
    assert.equal(found.nodePreference, "read_only_replica");
    assert.equal(found.tls, true);
    assert.deepEqual(parseKurrentConnectionString("esdb://[::1]:2113?tls=false").hosts, [
      { address: "[::1]", port: 2113 },
    ]);
  });

  test("a password of any characters survives percent-encoding", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (password) => {
        const text = `kurrentdb://admin:${encodeURIComponent(password)}@host.test`;
        assert.deepEqual(parseKurrentConnectionString(text).credentials, { username: "admin", password });
      }),
    );
  });

  test("what cannot be honoured is refused in one line that does not show the password", () => {
    const wrong = [
      "http://admin:s3cret@host",
      "kurrentdb://admin:s3cret@",
      "kurrentdb://admin:s3cret@host:99999",
      "kurrentdb://admin:s3cret@ho st",
      "kurrentdb://s3cret@host",
      "kurrentdb://admin:s3cret%@host",
      "kurrentdb://host",
      "kurrentdb://admin:s3cret@host?tls=maybe",
      "kurrentdb://admin:s3cret@host?tlsVerifyCert=false",
      "kurrentdb://admin:s3cret@host?unknown=1",
      "kurrentdb://admin:s3cret@host?nodePreference=best",
      "kurrentdb://admin:s3cret@host?gossipTimeout=soon",
      "kurrentdb://admin:s3cret@host?tlsCAFile=/missing.pem",
      "kurrentdb://admin:s3cret@host?userCertFile=/missing.pem",
    ];
    for (const text of wrong) {
      assert.throws(
        () => parseKurrentConnectionString(text),
        (fault) => fault instanceof EventStoreFault && fault.kind === "fatal" && !/s3cret|\n/.test(fault.message),
        text,
      );
    }
  });
});

describe("kurrentdb over TLS with a password", () => {
  const clock = { now: () => 0 };
  const credentials = { username: "mailfold", password: "p@ss:w/rd" };
  const tls = { cert: readFileSync(fixture("server-cert.pem")), key: readFileSync(fixture("server-key.pem")) };
  const login = `mailfold:${encodeURIComponent(credentials.password)}`;
  const opening = (text: string) =>
    openKurrentEventStore({
      connectionString: text,
      codec: plainCodec,
      clock,
      readTimeoutMs: 500,
      appendBudgetMs: 500,
    });

  test("reads, appends and follows; a wrong password or an unknown issuer is refused", async () => {
    const server = await startKurrentDouble({ credentials, tls });
    const ca = `tlsCAFile=${encodeURIComponent(fixture("server-cert.pem"))}`;
    try {
      const store = await opening(`kurrentdb://${login}@localhost:${server.port}?${ca}`);
      const abort = new AbortController();
      for await (const message of store.subscribe({ signal: abort.signal }))
        if (message.type === "caughtUp") abort.abort();
      assert.notEqual(await store.epoch(), "");
      await store.close();
      await assert.rejects(
        opening(`kurrentdb://mailfold:wrong@localhost:${server.port}?${ca}`),
        (fault: EventStoreFault) => fault.kind === "fatal" && /denied access/.test(fault.message),
      );
      await assert.rejects(
        opening(`kurrentdb://${login}@127.0.0.1:${server.port}`),
        (fault: EventStoreFault) => fault.kind === "unavailable",
      );
    } finally {
      await server.close();
    }
  });
});
