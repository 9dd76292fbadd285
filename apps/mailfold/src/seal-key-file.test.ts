import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openKeys } from "@mailfold/keys";
import { openSealKey, sealRecordOf } from "./seal-key-file.ts";

describe("the ARC seal key", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "mailfold-seal-"));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));
  const open = (now: number) =>
    openSealKey({ dataDir, domain: "mx.example.net", sealer: openKeys({ dir: join(dataDir, "keys") }), now });

  test("is made once, kept by itself, and readable by the owner only", async () => {
    assert.equal(sealRecordOf(join(dataDir, "nowhere"), "mx.example.net"), undefined);
    const first = await open(Date.UTC(2026, 10, 24));
    assert.match(first.privateKeyPem, /^-----BEGIN PRIVATE KEY-----/);
    assert.equal(first.record.name, "arc-202611._domainkey.mx.example.net");
    assert.equal(statSync(join(dataDir, "keys/arc-seal.json")).mode & 0o777, 0o600);
    assert.deepEqual(await open(Date.UTC(2027, 0, 1)), first);
    assert.deepEqual(sealRecordOf(dataDir, "mx.example.net"), first.record);
  });

  test("two that start at once have the same one", async () => {
    const [one, two] = await Promise.all([open(0), open(0)]);
    assert.deepEqual(one, two);
  });
});
