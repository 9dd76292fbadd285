import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Debian packages that the end-to-end tests drive, and a file that shows each is there. */
const tools = [
  { package: "postfix", file: "/usr/sbin/postfix" },
  { package: "swaks", file: "/usr/bin/swaks" },
  { package: "libnet-ssleay-perl", file: "/usr/lib/x86_64-linux-gnu/perl5/5.36/Net/SSLeay.pm" },
  { package: "isync", file: "/usr/bin/mbsync" },
  { package: "mutt", file: "/usr/bin/mutt" },
  { package: "fetchmail", file: "/usr/bin/fetchmail" },
  { package: "offlineimap3", file: "/usr/bin/offlineimap" },
  { package: "python3", file: "/usr/bin/python3" },
  { package: "python3-dkim", file: "/usr/lib/python3/dist-packages/dkim/__init__.py" },
  { package: "rspamd", file: "/usr/bin/rspamd" },
  { package: "clamav-daemon", file: "/usr/sbin/clamd" },
  { package: "bind9", file: "/usr/sbin/named" },
  { package: "openssl", file: "/usr/bin/openssl" },
  { package: "systemd", file: "/usr/bin/systemd-analyze" },
] as const;

/** Installs what is missing when it may (root on Debian); otherwise says in one line what to install, and exits 1. */
export function installTestTools(): void {
  const missing = tools.filter((tool) => !existsSync(tool.file)).map((tool) => tool.package);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    process.stderr.write(`the end-to-end tests need: apt-get install ${missing.join(" ")}\n`);
    process.exit(1);
  }
  process.stdout.write(`installing for the end-to-end tests: ${missing.join(" ")}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) =>
    execFileSync("apt-get", args, { env, stdio: ["ignore", "ignore", "inherit"], timeout: 600_000 });
  apt("update", "-qq");
  apt("install", "-y", "-qq", "--no-install-recommends", ...missing);
}
