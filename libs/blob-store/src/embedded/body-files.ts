import { randomBytes } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { assert } from "@mailfold/kernel";

const knownDirectoriesMax = 70_000;

/** Larger message bodies as files: written once under a name of their own, never changed, fsynced with their directory. */
export class BodyFiles {
  readonly #root: string;
  /** Directories whose own names are known to be durable. */
  readonly #known = new Set<string>();

  /** `root`: the directory that holds `ab/cd/<sha256>.<random>`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Path of a file, given its name relative to the root. */
  pathOf(name: string): string {
    return join(this.#root, name);
  }

  /** Writes a body under a fresh name, durable when resolved. Answers the name, relative to the root. */
  async write(sha256: string, bytes: Uint8Array): Promise<string> {
    assert(/^[0-9a-f]{64}$/.test(sha256), "a body's hash is 64 hex digits");
    const name = join(sha256.slice(0, 2), sha256.slice(2, 4), `${sha256}.${randomBytes(4).toString("hex")}`);
    const path = this.pathOf(name);
    await this.#makeDirectory(dirname(path));
    try {
      const handle = await open(path, "wx", 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncDirectory(dirname(path));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return name;
  }

  /** Reads bytes [start, end), or to the end of the file. Undefined when there is no such file. */
  async read(name: string, start = 0, end?: number): Promise<Uint8Array | undefined> {
    let handle: Awaited<ReturnType<typeof open>>;
    try {
      handle = await open(this.pathOf(name), "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    try {
      const { size } = await handle.stat();
      const length = Math.max(0, Math.min(end ?? size, size) - start);
      const bytes = new Uint8Array(length);
      let read = 0;
      while (read < length) {
        const { bytesRead } = await handle.read(bytes, read, length - read, start + read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      return bytes.subarray(0, read);
    } finally {
      await handle.close();
    }
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) await rm(this.pathOf(name), { force: true });
  }

  async #makeDirectory(directory: string): Promise<void> {
    if (this.#known.has(directory)) return;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    // A directory is durable when its parent has been fsynced since it was made.
    for (const parent of [dirname(directory), dirname(dirname(directory)), dirname(dirname(dirname(directory)))]) {
      await syncDirectory(parent);
    }
    if (this.#known.size < knownDirectoriesMax) this.#known.add(directory);
  }
}

/** fsyncs a directory, so that names made in it survive power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
