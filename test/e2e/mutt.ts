import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDir } from "./platform.ts";
import type { MailboxLogin } from "./provision.ts";

/** Runs the real mutt on a mailbox in a pseudo-terminal, types the keys, and waits until it has quit. */
export function runMutt(
  port: number,
  login: MailboxLogin,
  options: { readonly certificateFile: string; readonly keys: string },
): Promise<string> {
  const dir = temporaryDir("mutt");
  const settings = [
    `set folder="imap://127.0.0.1:${port}/"`,
    `set spoolfile="imap://127.0.0.1:${port}/INBOX"`,
    `set imap_user="${login.address}"`,
    `set imap_pass="${login.password}"`,
    `set certificate_file="${options.certificateFile}"`,
    "set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=no",
    "set move=no confirmappend=no confirmcreate=no delete=yes quit=yes wait_key=no pager_stop=yes timeout=5 mail_check=1",
    `push "${options.keys}"`,
  ];
  writeFileSync(join(dir, "muttrc"), `${settings.join("\n")}\n`, { mode: 0o600 });
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["-qec", `mutt -n -F ${join(dir, "muttrc")}`, "/dev/null"], {
      env: { ...process.env, TERM: "xterm", HOME: dir },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let screen = "";
    child.stdout.on("data", (chunk: Buffer) => (screen = (screen + chunk.toString("latin1")).slice(-50_000)));
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.on("close", (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(screen);
      else reject(new Error(`mutt ended with ${code}: ${screen.slice(-2_000)}`));
    });
  });
}
