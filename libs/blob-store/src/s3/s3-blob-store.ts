import { createHash } from "node:crypto";
import type { BodyRef } from "@mailfold/events";
import { streamCategory } from "@mailfold/kernel";
import type { BlobStore } from "../port.ts";
import { BodyCorrupt } from "../port.ts";
import { S3Bucket, type S3Target } from "./s3-bucket.ts";
import { bodyName, heldName, s3Keys } from "./s3-keys.ts";

export interface S3Options extends S3Target {
  /**
   * How far apart the writers and the sweeper of a cluster may be; default one hour. A hold younger than this is not
   * released by `setHeld` (its event may not be in the caller's fold yet), a body older than this is written again rather
   * than trusted to stay, and `free` touches nothing younger than twice this.
   */
  readonly settleMs?: number;
}

/** A BlobStore in which holds can be added, as a cluster's journal needs it. */
export interface HoldingBlobStore extends BlobStore {
  hold(stream: string, refs: readonly BodyRef[]): Promise<void>;
}

const inFlightMax = 8;

/**
 * Bodies in an S3-compatible bucket. Each hold is an object of its own, so that nodes add holds without reading each
 * other's. Checks the bucket first; throws S3Fault.
 */
export async function openS3BlobStore(options: S3Options): Promise<HoldingBlobStore> {
  const bucket = new S3Bucket(options);
  await bucket.check();
  return new S3BlobStore(bucket, options.settleMs ?? 3_600_000);
}

class S3BlobStore implements HoldingBlobStore {
  readonly #bucket: S3Bucket;
  readonly #settleMs: number;

  constructor(bucket: S3Bucket, settleMs: number) {
    this.#bucket = bucket;
    this.#settleMs = settleMs;
  }

  async read(ref: BodyRef): Promise<Uint8Array | undefined> {
    const bytes = await this.#bucket.get(s3Keys.body(bodyName(ref)), ref.sizeBytes);
    if (bytes !== undefined && !isBody(ref, bytes)) throw new BodyCorrupt(ref);
    return bytes;
  }

  async readRange(ref: BodyRef, start: number, end: number): Promise<Uint8Array | undefined> {
    const key = s3Keys.body(bodyName(ref));
    const last = Math.min(end, ref.sizeBytes);
    if (start < last) return this.#bucket.getRange(key, start, last);
    return (await this.#bucket.head(key)) && new Uint8Array();
  }

  async write(ref: BodyRef, bytes: Uint8Array): Promise<void> {
    if (!isBody(ref, bytes)) throw new BodyCorrupt(ref);
    const key = s3Keys.body(bodyName(ref));
    const there = await this.#bucket.head(key);
    // An old body may be on the sweeper's list already: writing it again makes it young, and the sweeper looks.
    if (there !== undefined && there.sizeBytes === ref.sizeBytes && there.ageMs < this.#settleMs) return;
    await this.#bucket.put(key, bytes);
  }

  async readIndex(ref: BodyRef): Promise<string | undefined> {
    const bytes = await this.#bucket.get(s3Keys.index(bodyName(ref)), ref.sizeBytes);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
  }

  async writeIndex(ref: BodyRef, index: string): Promise<void> {
    await this.#bucket.put(s3Keys.index(bodyName(ref)), Buffer.from(index, "utf8"));
  }

  async hold(stream: string, refs: readonly BodyRef[]): Promise<void> {
    const keys = new Set(refs.map((ref) => s3Keys.hold(stream, bodyName(ref))));
    await eachOf(keys, (key) => this.#bucket.put(key, new Uint8Array()));
  }

  async setHeld(stream: string, refs: readonly BodyRef[]): Promise<void> {
    const wanted = new Set(refs.map((ref) => s3Keys.hold(stream, bodyName(ref))));
    const missing = new Set(wanted);
    const released: string[] = [];
    // A transaction's own holds are released by the fan-out alone, after others hold: nothing can be under way for them.
    const settleMs = streamCategory(stream) === "intake" ? 0 : this.#settleMs;
    for await (const { key, ageMs } of this.#bucket.list(s3Keys.heldBy(stream))) {
      missing.delete(key);
      if (!wanted.has(key) && ageMs >= settleMs) released.push(key);
    }
    await eachOf(missing, (key) => this.#bucket.put(key, new Uint8Array()));
    await eachOf(released, (key) => this.#bucket.delete(key));
  }

  /** Run by one node of a cluster. Keeps the names of all held bodies in memory while it runs. */
  async free(graceMs: number): Promise<{ readonly bodies: number; readonly bytes: number }> {
    const startedAt = performance.now();
    const held = new Set<string>();
    for await (const { key } of this.#bucket.list(s3Keys.held)) held.add(heldName(key));
    let bodies = 0;
    let bytes = 0;
    for await (const { key, sizeBytes, ageMs } of this.#bucket.list(s3Keys.bodies)) {
      // What is known of holds gets too old to act upon; the next run goes on.
      if (this.#settleMs > 0 && performance.now() - startedAt > this.#settleMs / 2) break;
      const name = key.slice(s3Keys.bodies.length);
      if (held.has(name) || ageMs < 2 * this.#settleMs) continue;
      if (!(await this.#isLooseFor(name, graceMs))) continue;
      await this.#remove(name);
      bodies += 1;
      bytes += sizeBytes;
    }
    await this.#unmark(held);
    return { bodies, bytes };
  }

  async close(): Promise<void> {}

  /** Whether a body has been without a hold for the grace period; the first time it is seen so is noted. */
  async #isLooseFor(name: string, graceMs: number): Promise<boolean> {
    const mark = await this.#bucket.head(s3Keys.loose(name));
    if (mark === undefined) await this.#bucket.put(s3Keys.loose(name), new Uint8Array());
    if ((mark?.ageMs ?? 0) < graceMs) return false;
    const now = await this.#bucket.head(s3Keys.body(name));
    return now !== undefined && now.ageMs >= 2 * this.#settleMs;
  }

  async #remove(name: string): Promise<void> {
    await this.#bucket.delete(s3Keys.index(name));
    await this.#bucket.delete(s3Keys.body(name));
    await this.#bucket.delete(s3Keys.loose(name));
  }

  /** A body that is held again starts its next loose time anew. */
  async #unmark(held: ReadonlySet<string>): Promise<void> {
    for await (const { key } of this.#bucket.list(s3Keys.loose("")))
      if (held.has(key.slice(s3Keys.loose("").length))) await this.#bucket.delete(key);
  }
}

function isBody(ref: BodyRef, bytes: Uint8Array): boolean {
  return bytes.length === ref.sizeBytes && createHash("sha256").update(bytes).digest("hex") === ref.sha256;
}

/** Runs at most a few at a time; the first failure is thrown after those under way. */
async function eachOf<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: inFlightMax }, lane));
}
