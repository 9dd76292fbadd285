import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureSelfSigned, type TlsMaterial } from "@mailfold/tls";

/** A key and certificate for tests. */
export async function tlsContext(): Promise<TlsMaterial> {
  const dir = await mkdtemp(join(tmpdir(), "mailfold-api-tls-"));
  try {
    return await ensureSelfSigned({ dir, hostname: "localhost", clock: { now: Date.now } });
  } finally {
    await rm(dir, { recursive: true });
  }
}
