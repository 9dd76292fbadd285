import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect, createServer } from "node:tls";
import { createTlsContext, createTlsContextProvider, ensureSelfSigned, type TlsMaterial } from "./index.ts";

const clock = { now: () => Date.now() };
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "mailfold-tls-"));
});
after(() => rm(dir, { recursive: true }));

describe("ensureSelfSigned", () => {
  test("makes material once, private, for all local names, for ten years", async () => {
    const options = { dir: join(dir, "first"), hostname: "mail.example.test", clock };
    const made = await ensureSelfSigned(options);
    assert.deepEqual(await ensureSelfSigned(options), made);
    const certificate = new X509Certificate(made.cert);
    for (const host of ["mail.example.test", "localhost"]) assert.equal(certificate.checkHost(host), host);
    assert.equal(certificate.checkIP("127.0.0.1"), "127.0.0.1");
    assert.ok(Date.parse(certificate.validTo) > Date.now() + 9.9 * 365 * 86_400_000);
    const files = await readdir(options.dir);
    assert.deepEqual(files.sort(), ["tls-cert.pem", "tls-key.pem"]);
    for (const file of files) assert.equal((await stat(join(options.dir, file))).mode & 0o777, 0o600);
  });
  test("a crash between key and certificate makes both anew", async () => {
    const options = { dir: join(dir, "second"), hostname: "h.test", clock };
    const made = await ensureSelfSigned(options);
    await rm(join(options.dir, "tls-cert.pem"));
    const again = await ensureSelfSigned(options);
    assert.notEqual(again.cert, made.cert);
    assert.doesNotThrow(() => createTlsContext(again, Date.now()));
  });
});

describe("TLS context", () => {
  let one: TlsMaterial;
  let two: TlsMaterial;
  before(async () => {
    one = await ensureSelfSigned({ dir: join(dir, "one"), hostname: "one.test", clock });
    two = await ensureSelfSigned({ dir: join(dir, "two"), hostname: "two.test", clock });
  });
  test("bad material is refused with the reason and the old stays in service", async () => {
    const provider = createTlsContextProvider(one, Date.now());
    const old = provider.current();
    const cases: [TlsMaterial, RegExp][] = [
      [{ key: one.key, cert: two.cert }, /does not belong/],
      [{ key: "x", cert: two.cert }, /key is not readable/],
      [{ key: two.key, cert: two.cert.slice(0, 200) }, /certificate is not readable/],
    ];
    for (const [material, problem] of cases) {
      const reload = provider.reload(material, Date.now());
      assert.ok(!reload.ok && problem.test(reload.problem));
    }
    const late = provider.reload(two, Date.now() + 11 * 365 * 86_400_000);
    assert.ok(!late.ok && /expired/.test(late.problem));
    assert.equal(provider.current(), old);
    assert.deepEqual(provider.reload(two, Date.now()), { ok: true });
    assert.notEqual(provider.current(), old);
  });
  test("handshakes at TLS 1.2 and 1.3, not below", async () => {
    const context = createTlsContext(one, Date.now());
    const server = createServer({ SNICallback: (_name, done) => done(null, context), ...one }, (s) => s.end("hi"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const port = (server.address() as { port: number }).port;
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const client = connect({ port, ca: one.cert, servername: "one.test", minVersion: version, maxVersion: version });
      await once(client, "secureConnect");
      assert.equal(client.getProtocol(), version);
      client.destroy();
    }
    await new Promise((done) => server.close(done));
  });
});
