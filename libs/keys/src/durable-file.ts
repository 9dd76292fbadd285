import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** The file's text, or undefined when it does not exist. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Creates a 0600 file, durable when it returns. False when another process or thread created it first. */
export function createDurably(path: string, content: string): boolean {
  const draft = writeDraft(path, content);
  try {
    // link, unlike rename, never replaces: exactly one creator wins.
    linkSync(draft, path);
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
  syncDirectory(dirname(path));
  return true;
}

/** Overwrites a file in place and removes it, durable when it returns. A crash in between leaves `content`. */
export function destroyDurably(path: string, content: string): void {
  const file = openSync(path, "r+");
  try {
    writeSync(file, content.padEnd(fstatSync(file).size), 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  unlinkSync(path);
  syncDirectory(dirname(path));
}

function writeDraft(path: string, content: string): string {
  const draft = `${path}.${randomBytes(6).toString("hex")}.draft`;
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return draft;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
