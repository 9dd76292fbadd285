import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = "usr/share/doc/spamassassin/examples";
const names = ["sample-spam.txt", "sample-nonspam.txt"] as const;

/**
 * The two sample messages of Debian's package spamassassin by file name: where it is installed, else out of the package
 * itself, which apt-get downloads and nobody installs. Undefined where there is neither.
 */
export function spamassassinSamples(): ReadonlyMap<string, Uint8Array> | undefined {
  if (existsSync(`/${folder}/${names[0]}`)) return read(`/${folder}`);
  const dir = mkdtempSync(join(tmpdir(), "mailfold-samples-"));
  try {
    const quiet = { cwd: dir, stdio: "ignore", timeout: 120_000 } as const;
    execFileSync("apt-get", ["download", "spamassassin"], quiet);
    const [packed] = readdirSync(dir);
    execFileSync("dpkg-deb", ["--extract", packed ?? "", "."], quiet);
    return read(join(dir, folder));
  } catch {
    return undefined;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function read(from: string): ReadonlyMap<string, Uint8Array> {
  return new Map(names.map((name) => [name, readFileSync(join(from, name))]));
}
