import { EventStoreFault } from "../port.ts";

const sqliteFull = 13;
const sqliteIoError = 10;
const sqliteCorrupt = 11;
const sqliteNotADatabase = 26;
const sqliteReadOnly = 8;
const sqliteCannotOpen = 14;
const sqliteBusy = 5;
/** SQLITE_IOERR_SHMSIZE: the shared-memory file could not grow, which is how a full disk shows there. */
const sqliteIoErrorShmSize = 4_874;

/** Extended SQLite result code of an error thrown by node:sqlite, or undefined. */
function sqliteCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode : undefined;
}

/** What to tell an operator whose log file cannot be trusted. */
export function corruptLog(path: string, why: string, cause?: unknown): EventStoreFault {
  const oneLine = why.replaceAll(/\s+/g, " ");
  return new EventStoreFault(
    "corrupt",
    `${path} ${oneLine}: restore a backup with \`mailfold restore\`, or move the file away to start with an empty log`,
    { cause },
  );
}

/**
 * SQLite's errors in the port's words. A full disk may be tried again; an I/O or fsync error may not, because after it
 * nobody knows what is on the disk; undefined = not the file's fault (a bad statement or value).
 */
export function toFault(error: unknown, path: string): EventStoreFault | undefined {
  if (error instanceof EventStoreFault) return error;
  const code = sqliteCodeOf(error);
  if (code === undefined) return undefined;
  const detail = (error as Error).message;
  const unavailable = (why: string): EventStoreFault =>
    new EventStoreFault("unavailable", `${path}: ${why} (${detail})`, { cause: error });
  if (code === sqliteIoErrorShmSize) return unavailable("no space for the log");
  switch (code & 0xff) {
    case sqliteFull:
      return unavailable("no space left for the log");
    case sqliteReadOnly:
      return unavailable("the log cannot be written");
    case sqliteCannotOpen:
      return unavailable("the log cannot be opened");
    case sqliteBusy:
      return unavailable("the log is used by another process");
    case sqliteCorrupt:
    case sqliteNotADatabase:
      return corruptLog(path, `is damaged (${detail})`, error);
    case sqliteIoError:
      return new EventStoreFault("fatal", `${path}: input/output error, the log stops here (${detail})`, {
        cause: error,
      });
    default:
      return undefined;
  }
}
