import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { copyFile, mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** fsyncs a file or a directory. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Copies a file and fsyncs the copy (not its directory). */
export async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await sync(to);
}

/** Copies files named relative to a directory, with the directories they need; durable when resolved. */
export async function copyTree(from: string, to: string, names: Iterable<string>): Promise<number> {
  const directories = new Set<string>([to]);
  await mkdir(to, { recursive: true, mode: 0o700 });
  let count = 0;
  for (const name of names) {
    const target = join(to, name);
    for (let path = dirname(target); path.length > to.length; path = dirname(path)) directories.add(path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await copyDurably(join(from, name), target);
    count += 1;
  }
  for (const directory of directories) await sync(directory);
  return count;
}

/** Names of all files under a directory, relative to it; none when it is missing. */
export async function fileNamesUnder(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

/** Writes a small file whole, fsynced with its directory. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flush: true });
  await sync(dirname(path));
}

export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true, recursive: true });
  await sync(dirname(path));
}

/** SHA-256 of a file, lower-case hex, streamed. */
export async function fileHash(path: string): Promise<string> {
  const running = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 512 * 1024 })) running.update(piece as Uint8Array);
  return running.digest("hex");
}
