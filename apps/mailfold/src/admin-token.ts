import { createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** File of the operator's bootstrap token below the data directory. */
export function adminTokenPath(dataDir: string): string {
  return join(dataDir, "admin-token");
}

/**
 * The operator's bootstrap token: the configured one, else the one in DATA/admin-token (0600), made on first start.
 * It goes to the file, never to the log.
 */
export function ensureAdminToken(
  dataDir: string,
  configured: string | undefined,
): { readonly token: string; readonly hash: string } {
  const path = adminTokenPath(dataDir);
  if (configured !== undefined) return withHash(configured);
  if (existsSync(path)) return withHash(readFileSync(path, "utf8").trim());
  const token = `mf_operator_${randomBytes(32).toString("base64url")}`;
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, `${token}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return withHash(token);
}

function withHash(token: string): { readonly token: string; readonly hash: string } {
  return { token, hash: createHash("sha256").update(token).digest("hex") };
}
