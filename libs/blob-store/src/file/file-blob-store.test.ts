import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { BodyRef } from "@mailfold/events";
import type { BlobStore } from "../port.ts";
import { BodyCorrupt } from "../port.ts";
import { openFileBlobStore } from "./file-blob-store.ts";

const dayMs = 86_400_000;
const clock = { time: Date.UTC(2026, 10, 24), now: () => clock.time };

function bodyOf(sizeBytes: number): { readonly ref: BodyRef; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(randomBytes(sizeBytes));
  return { ref: { tenantId: "ten_a", sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes }, bytes };
}

async function withStore(work: (store: BlobStore, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "mailfold-bodies-"));
  const store = openFileBlobStore(directory, clock);
  try {
    await work(store, directory);
  } finally {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

describe("file blob store", () => {
  test("reads back whole and in ranges; missing is undefined; the index lies beside", () =>
    withStore(async (store) => {
      const body = bodyOf(3_000_000);
      await store.write(body.ref, body.bytes);
      await store.write(body.ref, body.bytes);
      assert.deepEqual(new Uint8Array((await store.read(body.ref)) ?? []), body.bytes);
      assert.deepEqual(await store.readRange(body.ref, 100, 200), body.bytes.slice(100, 200));
      assert.deepEqual(await store.readRange(body.ref, 2_999_990, 9_999_999), body.bytes.slice(2_999_990));
      assert.equal(await store.read(bodyOf(3).ref), undefined);
      assert.equal(await store.readRange(bodyOf(3).ref, 0, 1), undefined);
      assert.equal(await store.readIndex(body.ref), undefined);
      await store.writeIndex(body.ref, '{"a":"ü"}');
      assert.equal(await store.readIndex(body.ref), '{"a":"ü"}');
    }));

  test("a damaged body is not served, and writing it again repairs it", () =>
    withStore(async (store, directory) => {
      const body = bodyOf(100);
      await store.write(body.ref, body.bytes);
      const [path] = filesUnder(directory);
      writeFileSync(path ?? "", randomBytes(100));
      await assert.rejects(store.read(body.ref), BodyCorrupt);
      await store.write(body.ref, body.bytes);
      assert.deepEqual(new Uint8Array((await store.read(body.ref)) ?? []), body.bytes);
    }));

  test("frees what no stream holds once the grace period is over, counted from when it was let go", () =>
    withStore(async (store, directory) => {
      const [held, shared, loose] = [bodyOf(10), bodyOf(20), bodyOf(30)];
      for (const body of [held, shared, loose]) await store.write(body.ref, body.bytes);
      await store.writeIndex(loose.ref, "{}");
      await store.setHeld("mail-a", [held.ref, shared.ref]);
      await store.setHeld("mail-b", [shared.ref]);
      assert.deepEqual(await store.free(dayMs), { bodies: 0, bytes: 0 });
      clock.time += 2 * dayMs;
      assert.deepEqual(await store.free(dayMs), { bodies: 1, bytes: 30 });
      await store.setHeld("mail-a", []);
      assert.deepEqual(await store.free(dayMs), { bodies: 0, bytes: 0 }, "its grace period began just now");
      clock.time += 2 * dayMs;
      assert.deepEqual(await store.free(dayMs), { bodies: 1, bytes: 10 });
      assert.ok(await store.read(shared.ref));
      await store.setHeld("mail-b", []);
      clock.time += 2 * dayMs;
      assert.equal((await store.free(dayMs)).bodies, 1);
      assert.deepEqual(filesUnder(directory), []);
    }));

  test("a key that is no tenant id and hash never becomes a path", () =>
    withStore(async (store) => {
      const body = bodyOf(5);
      for (const ref of [
        { ...body.ref, tenantId: "../x" },
        { ...body.ref, sha256: "../../etc/passwd" },
      ]) {
        await assert.rejects(store.write(ref, body.bytes), /invariant/);
        await assert.rejects(store.read(ref), /invariant/);
      }
    }));
});
