import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { BodyRef } from "@mailfold/events";
import type { Clock } from "@mailfold/kernel";
import { assert, streamCategory } from "@mailfold/kernel";
import { verifiedBody } from "../body-hash.ts";
import { syncDirectory } from "../embedded/body-files.ts";
import type { BlobStore } from "../port.ts";

/**
 * Message bodies as files in a directory that may be shared (`file:///dir`): `bodies/<tenant>/ab/cd/<sha256>`, the
 * MIME index beside it. Each hold is an empty file of its own (`held/xx/<stream>/<tenant>.<sha256>`), so that nodes add
 * holds without reading each other's. A body's file time is when it was last written or let go; it is freed when nothing
 * holds it and that time is past the grace period.
 *
 * `settleMs`: a hold younger than this is not released by setHeld, since its event may not be in the caller's fold yet
 * (intake streams excepted, which nobody folds); needed as soon as several nodes write.
 */
export function openFileBlobStore(
  directory: string,
  clock: Clock,
  options: { readonly settleMs?: number } = {},
): BlobStore & Required<Pick<BlobStore, "hold">> {
  return new FileBlobStore(directory, clock, options.settleMs ?? 0);
}

class FileBlobStore implements BlobStore {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #settleMs: number;
  readonly #knownDirectories = new Set<string>();

  constructor(root: string, clock: Clock, settleMs: number) {
    this.#root = root;
    this.#clock = clock;
    this.#settleMs = settleMs;
  }

  async read(ref: BodyRef): Promise<Uint8Array | undefined> {
    const bytes = await readIfThere(this.#pathOf(ref));
    return bytes === undefined ? undefined : verifiedBody(ref, bytes);
  }

  async readRange(ref: BodyRef, start: number, end: number): Promise<Uint8Array | undefined> {
    const handle = await open(this.#pathOf(ref), "r").catch(noneIfMissing);
    if (handle === undefined) return undefined;
    try {
      const { size } = await handle.stat();
      const length = Math.max(0, Math.min(end, size) - start);
      const bytes = new Uint8Array(length);
      const { bytesRead } = await handle.read(bytes, 0, length, start);
      return bytes.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  async write(ref: BodyRef, bytes: Uint8Array): Promise<void> {
    assert(bytes.byteLength === ref.sizeBytes, `body ${ref.sha256} has ${bytes.byteLength} bytes`);
    const path = this.#pathOf(ref);
    const existing = await stat(path).catch(noneIfMissing);
    if (existing?.size === ref.sizeBytes && (await this.#isIntact(ref))) await this.#touch(path);
    else await this.#writeFile(path, bytes);
  }

  async readIndex(ref: BodyRef): Promise<string | undefined> {
    const bytes = await readIfThere(`${this.#pathOf(ref)}.index`);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  async writeIndex(ref: BodyRef, index: string): Promise<void> {
    await this.#writeFile(`${this.#pathOf(ref)}.index`, new TextEncoder().encode(index));
  }

  async hold(stream: string, refs: readonly BodyRef[]): Promise<void> {
    const directory = this.#holdsPath(stream);
    for (const ref of refs) await this.#writeFile(join(directory, holdName(ref)), new Uint8Array());
  }

  async setHeld(stream: string, refs: readonly BodyRef[]): Promise<void> {
    const directory = this.#holdsPath(stream);
    const wanted = new Set(refs.map(holdName));
    const there = new Set(await namesIn(directory));
    await this.hold(
      stream,
      refs.filter((ref) => !there.has(holdName(ref))),
    );
    const settled = this.#clock.now() - (streamCategory(stream) === "intake" ? 0 : this.#settleMs);
    for (const name of there) {
      if (wanted.has(name) || name.endsWith(".new")) continue;
      const path = join(directory, name);
      const found = await stat(path).catch(noneIfMissing);
      if (found === undefined || found.mtimeMs > settled) continue;
      // The grace period of what is let go begins now, before the hold is forgotten.
      await this.#touch(this.#pathOfKey(name.replace(".", "/")));
      await rm(path, { force: true });
    }
  }

  async free(graceMs: number): Promise<{ readonly bodies: number; readonly bytes: number }> {
    const oldest = this.#clock.now() - graceMs;
    const held = await this.#allHeld();
    const total = { bodies: 0, bytes: 0 };
    const bodiesDir = join(this.#root, "bodies");
    for (const tenant of await namesIn(bodiesDir)) {
      for await (const path of filesUnder(join(bodiesDir, tenant))) {
        const name = path.slice(path.lastIndexOf("/") + 1);
        if (!/^[0-9a-f]{64}$/.test(name) || held.has(`${tenant}/${name}`)) continue;
        const found = await stat(path).catch(noneIfMissing);
        if (found === undefined || found.mtimeMs > oldest) continue;
        await rm(path, { force: true });
        await rm(`${path}.index`, { force: true });
        total.bodies += 1;
        total.bytes += found.size;
      }
    }
    return total;
  }

  async close(): Promise<void> {}

  async #allHeld(): Promise<ReadonlySet<string>> {
    const held = new Set<string>();
    const holdsDir = join(this.#root, "held");
    for await (const path of filesUnder(holdsDir)) held.add(basename(path).replace(".", "/"));
    return held;
  }

  async #isIntact(ref: BodyRef): Promise<boolean> {
    return this.read(ref).then(
      () => true,
      () => false,
    );
  }

  async #touch(path: string): Promise<void> {
    const now = this.#clock.now() / 1_000;
    await utimes(path, now, now).catch(noneIfMissing);
  }

  /** Under another name first: a file with its final name is always whole. Durable when resolved. */
  async #writeFile(path: string, bytes: Uint8Array): Promise<void> {
    await this.#makeDirectory(dirname(path));
    const draft = `${path}.${randomBytes(4).toString("hex")}.new`;
    try {
      const handle = await open(draft, "wx", 0o600);
      try {
        await handle.writeFile(bytes);
        const now = this.#clock.now() / 1_000;
        await handle.utimes(now, now);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await syncDirectory(dirname(path));
  }

  async #makeDirectory(directory: string): Promise<void> {
    if (this.#knownDirectories.has(directory)) return;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (let path = directory; path.length > this.#root.length; path = dirname(path))
      await syncDirectory(dirname(path));
    if (this.#knownDirectories.size < 70_000) this.#knownDirectories.add(directory);
  }

  #pathOf(ref: BodyRef): string {
    return this.#pathOfKey(`${ref.tenantId}/${ref.sha256}`);
  }

  #pathOfKey(key: string): string {
    const [tenant = "", sha = ""] = key.split("/");
    assert(/^[\w-]{1,100}$/.test(tenant) && /^[0-9a-f]{64}$/.test(sha), "a body's key is a tenant id and a SHA-256");
    return join(this.#root, "bodies", tenant, sha.slice(0, 2), sha.slice(2, 4), sha);
  }

  #holdsPath(stream: string): string {
    const name = encodeURIComponent(stream);
    return join(this.#root, "held", name.slice(-2), name);
  }
}

function holdName(ref: BodyRef): string {
  return `${ref.tenantId}.${ref.sha256}`;
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).catch(noneIfMissing);
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(noneIfMissing)) ?? [];
}

async function* filesUnder(directory: string): AsyncGenerator<string> {
  const entries = (await readdir(directory, { withFileTypes: true }).catch(noneIfMissing)) ?? [];
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (!entry.name.endsWith(".new")) yield path;
  }
}

function noneIfMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
