import { accessSync, chmodSync, constants, mkdirSync, statSync } from "node:fs";
import { resolve } from "node:path";

/** A start that cannot go on, said in one line; exit code 1. */
export class StartRefused extends Error {}

/** Makes the data directory (0700) or checks that it can be used. Throws StartRefused in one line. */
export function prepareDataDirectory(path: string): string {
  const dataDir = resolve(path);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    if (!statSync(dataDir).isDirectory()) throw new StartRefused(`MAILFOLD_DATA_DIR ${dataDir} is not a directory`);
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    if ((statSync(dataDir).mode & 0o077) !== 0) chmodSync(dataDir, 0o700);
  } catch (error) {
    if (error instanceof StartRefused) throw error;
    throw new StartRefused(`MAILFOLD_DATA_DIR ${dataDir} cannot be used: ${reasonOf(error as NodeJS.ErrnoException)}`);
  }
  return dataDir;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "EROFS":
      return "the file system is read-only";
    case "EACCES":
    case "EPERM":
      return "it is not writable for this user";
    case "EEXIST":
    case "ENOTDIR":
      return "it is not a directory";
    default:
      return error.message;
  }
}
