import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { BodyRef } from "@mailfold/events";
// @ts-expect-error The package brings no types.
import S3rverModule from "s3rver";
import { BodyCorrupt } from "../port.ts";
import { openS3BlobStore, type S3Options } from "./s3-blob-store.ts";
import { S3Bucket, S3Fault, type S3Object } from "./s3-bucket.ts";

interface S3Server {
  run(): Promise<{ readonly port: number }>;
  close(): Promise<void>;
  readonly httpServer: Server;
}
const S3rver = S3rverModule as new (options: object) => S3Server;

const directory = mkdtempSync(join(tmpdir(), "mailfold-s3-"));
let server: S3Server;
let endpoint = "";
before(async () => {
  const s3 = new S3rver({
    port: 0,
    address: "127.0.0.1",
    silent: true,
    directory,
    configureBuckets: [{ name: "mail" }],
  });
  const { port } = await s3.run();
  endpoint = `http://127.0.0.1:${port}`;
  server = s3;
});
after(async () => {
  server.httpServer.closeAllConnections();
  await server.close();
  rmSync(directory, { recursive: true });
});

function options(more: Partial<S3Options> = {}): S3Options {
  const credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
  return { bucket: "mail", endpoint, region: "eu-central-1", credentials, settleMs: 0, timeoutMs: 2_000, ...more };
}

function body(sizeBytes = 100, tenantId = "ten_a"): { readonly ref: BodyRef; readonly bytes: Uint8Array } {
  const bytes = randomBytes(sizeBytes);
  return { ref: { tenantId, sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes }, bytes };
}

/** A fetch that counts, and may fail first. */
function countingFetch(failures: readonly (Response | Error | "hang")[] = []) {
  const left = [...failures];
  const calls: string[] = [];
  const fetch = (async (request: Request, init?: RequestInit) => {
    calls.push(`${request.method} ${new URL(request.url).pathname}`);
    const failure = calls.length > 1 ? left.shift() : undefined;
    if (failure === "hang")
      return new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    if (failure instanceof Error) throw failure;
    return failure ?? globalThis.fetch(request, init);
  }) as typeof globalThis.fetch;
  return { fetch, calls };
}

describe("bodies in S3", () => {
  test("writes, reads whole and in ranges, keeps the index beside", async () => {
    const store = await openS3BlobStore(options());
    for (const sizeBytes of [0, 1, 70_000, 2_000_000]) {
      const { ref, bytes } = body(sizeBytes);
      assert.equal(await store.read(ref), undefined);
      assert.equal(await store.readRange(ref, 0, 10), undefined);
      await store.write(ref, bytes);
      await store.write(ref, bytes);
      assert.deepEqual(Buffer.from((await store.read(ref)) ?? []), Buffer.from(bytes));
      for (const [start, end] of [
        [0, 1],
        [5, 5],
        [10, 60_000],
        [69_990, 80_000],
      ] as const) {
        assert.deepEqual(
          Buffer.from((await store.readRange(ref, start, end)) ?? []),
          Buffer.from(bytes.subarray(start, end)),
        );
      }
      assert.equal(await store.readIndex(ref), undefined);
      await store.writeIndex(ref, '{"größe":1}');
      assert.equal(await store.readIndex(ref), '{"größe":1}');
    }
  });

  test("a body that does not match its hash is never served nor taken", async () => {
    const store = await openS3BlobStore(options());
    const { ref, bytes } = body();
    await assert.rejects(store.write(ref, randomBytes(100)), BodyCorrupt);
    await store.write(ref, bytes);
    writeFileSync(join(directory, "mail", "bodies", "ten_a", `${ref.sha256}._S3rver_object`), randomBytes(100));
    await assert.rejects(store.read(ref), BodyCorrupt);
  });

  test("a young body is not sent twice, an old one is", async () => {
    const { fetch, calls } = countingFetch();
    const { ref, bytes } = body();
    const young = await openS3BlobStore(options({ settleMs: 60_000, fetch }));
    await young.write(ref, bytes);
    await young.write(ref, bytes);
    assert.equal(calls.filter((call) => call.startsWith("PUT")).length, 1);
    await (await openS3BlobStore(options({ settleMs: 0, fetch }))).write(ref, bytes);
    assert.equal(calls.filter((call) => call.startsWith("PUT")).length, 2);
  });

  test("a reference that is none never becomes a key", async () => {
    const store = await openS3BlobStore(options());
    const { ref } = body();
    await assert.rejects(store.read({ ...ref, tenantId: "../other" }), /not a body reference/);
    await assert.rejects(store.read({ ...ref, sha256: `${ref.sha256.slice(0, 60)}/../` }), /not a body reference/);
  });
});

describe("holds in S3", () => {
  test("held bodies stay, released ones go after the grace period, their index too", async () => {
    const store = await openS3BlobStore(options());
    await store.free(0);
    const [one, two, shared] = [body(10), body(20), body(30)];
    for (const { ref, bytes } of [one, two, shared]) await store.write(ref, bytes);
    await store.writeIndex(one.ref, "{}");
    await store.setHeld("mail-mbx_a", [one.ref, two.ref]);
    await store.hold("mail-mbx_a", [shared.ref]);
    await store.hold("denial-2001:db8::/64", [shared.ref]);
    assert.deepEqual(await store.free(0), { bodies: 0, bytes: 0 });
    await store.setHeld("mail-mbx_a", [two.ref]);
    assert.deepEqual(await store.free(60_000), { bodies: 0, bytes: 0 });
    assert.deepEqual(await store.free(0), { bodies: 1, bytes: 10 });
    assert.equal(await store.read(one.ref), undefined);
    assert.equal(await store.readIndex(one.ref), undefined);
    assert.ok(await store.read(shared.ref));
    await store.setHeld("denial-2001:db8::/64", []);
    assert.deepEqual(await store.free(0), { bodies: 1, bytes: 30 });
    assert.ok(await store.read(two.ref));
    await store.setHeld("mail-mbx_a", []);
    await store.free(0);
  });

  test("a body that is held again starts its grace anew", async () => {
    const store = await openS3BlobStore(options());
    const { ref, bytes } = body();
    await store.write(ref, bytes);
    await store.free(60_000);
    await store.hold("mail-mbx_b", [ref]);
    await store.free(60_000);
    await store.setHeld("mail-mbx_b", []);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    assert.deepEqual(await store.free(1_000), { bodies: 0, bytes: 0 });
    await store.free(0);
  });

  test("a young hold outlives a setHeld that does not know it; a transaction's own does not", async () => {
    const store = await openS3BlobStore(options({ settleMs: 60_000 }));
    const sweeper = await openS3BlobStore(options());
    const [kept, gone] = [body(), body()];
    for (const { ref, bytes } of [kept, gone]) await store.write(ref, bytes);
    await store.hold("mail-mbx_c", [kept.ref]);
    await store.setHeld("mail-mbx_c", []);
    await store.hold("intake-msg_c", [gone.ref]);
    await store.setHeld("intake-msg_c", []);
    await store.free(0);
    assert.ok(await store.read(gone.ref), "nothing young is freed");
    await sweeper.free(0);
    assert.ok(await store.read(kept.ref));
    assert.equal(await store.read(gone.ref), undefined);
    await sweeper.setHeld("mail-mbx_c", []);
    await sweeper.free(0);
  });

  test("a listing goes on where its page ended, entities and order included", async () => {
    const keys = Array.from({ length: 25 }, (_, n) => `held/mail-a/ten_${String(n).padStart(2, "0")}&amp;.x`);
    const markers: (string | null)[] = [];
    const fetch = (async (request: Request) => {
      const marker = new URL(request.url).searchParams.get("marker");
      markers.push(marker);
      const rest = keys.filter((key) => marker === null || key.replace("&amp;", "&") > marker);
      const items = rest
        .slice(0, 10)
        .map(
          (key) =>
            `<Contents><Key>${key}</Key><LastModified>2026-11-24T00:00:00.000Z</LastModified><Size>7</Size></Contents>`,
        );
      const xml = `<ListBucketResult><IsTruncated>${rest.length > 10}</IsTruncated>${items.join("")}</ListBucketResult>`;
      return new Response(xml, { headers: { date: "Tue, 24 Nov 2026 00:01:00 GMT" } });
    }) as typeof globalThis.fetch;
    const listed: S3Object[] = [];
    for await (const object of new S3Bucket(options({ fetch })).list("held/")) listed.push(object);
    assert.deepEqual(
      listed.map(({ key }) => key),
      keys.map((key) => key.replace("&amp;", "&")),
    );
    assert.deepEqual(listed[0], { key: "held/mail-a/ten_00&.x", sizeBytes: 7, ageMs: 60_000 });
    assert.deepEqual(markers, [null, "held/mail-a/ten_09&.x", "held/mail-a/ten_19&.x"]);
  });
});

describe("S3 faults", () => {
  test("no bucket, wrong key, nobody there: one clear fault", async () => {
    await assert.rejects(openS3BlobStore(options({ bucket: "missing" })), (fault: S3Fault) => fault.kind === "missing");
    const credentials = { accessKeyId: "unknown", secretAccessKey: "wrong" };
    await assert.rejects(openS3BlobStore(options({ credentials })), (fault: S3Fault) => fault.kind === "denied");
    await assert.rejects(
      openS3BlobStore(options({ endpoint: "http://127.0.0.1:9" })),
      (fault: S3Fault) => fault instanceof S3Fault && fault.kind === "unavailable",
    );
  });

  test("a lost connection, a 503 and a silent server are tried again, a few times", async () => {
    const { ref, bytes } = body();
    const busy = () => new Response("<Error><Code>SlowDown</Code></Error>", { status: 503 });
    const flaky = countingFetch([new Error("reset"), busy(), "hang"]);
    const store = await openS3BlobStore(options({ fetch: flaky.fetch, timeoutMs: 100 }));
    await store.write(ref, bytes);
    assert.ok(await store.read(ref));
    const dead = countingFetch([busy(), busy(), busy(), busy(), busy()]);
    const failing = await openS3BlobStore(options({ fetch: dead.fetch }));
    await assert.rejects(
      failing.read(ref),
      (fault: S3Fault) => fault.kind === "unavailable" && /SlowDown/.test(fault.message),
    );
    assert.equal(dead.calls.length, 1 + 4);
  });
});
