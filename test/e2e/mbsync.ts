import { spawn } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDir } from "./platform.ts";
import type { MailboxLogin } from "./provision.ts";

/** A Maildir kept in step with a mailbox by the real mbsync. */
export interface Mbsync {
  /** Where its folders lie. */
  readonly mailDir: string;
  /** Pulls, and pushes too when made for both ways; answers how many messages were new on this side. */
  pull(): Promise<{ readonly added: number; readonly output: string }>;
  /** What a user does when mbsync says that UIDVALIDITY changed: starts over with an empty Maildir and no state. */
  startOver(): void;
  /** Messages of a folder as stored, LF line ends. */
  messages(folder?: string): readonly string[];
}

const directions = {
  pull: "Create Near\nSync Pull",
  both: "Create Both\nRemove Both\nExpunge Both\nSync All",
} as const;

/** `certificateFile`: the server's own certificate, which mbsync is told to trust. */
export function createMbsync(
  port: number,
  login: MailboxLogin,
  certificateFile: string,
  direction: keyof typeof directions = "pull",
): Mbsync {
  const dir = temporaryDir("mbsync");
  mkdirSync(join(dir, "mail"));
  const config = `
IMAPAccount account
Host 127.0.0.1
Port ${port}
User ${login.address}
Pass ${login.password}
SSLType STARTTLS
CertificateFile ${certificateFile}
AuthMechs LOGIN
PipelineDepth 20

IMAPStore far
Account account

MaildirStore near
Path ${dir}/mail/
Inbox ${dir}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
${directions[direction]}
SyncState ${dir}/state/
`;
  mkdirSync(join(dir, "state"));
  writeFileSync(join(dir, "mbsyncrc"), config, { mode: 0o600 });
  const messageFiles = () => globSync(`${dir}/mail/**/{cur,new}/*`).length;
  return {
    mailDir: join(dir, "mail"),
    pull: () =>
      new Promise((resolve, reject) => {
        const before = messageFiles();
        const child = spawn("mbsync", ["-V", "-c", join(dir, "mbsyncrc"), "all"], {
          stdio: ["ignore", "pipe", "pipe"],
        });
        let output = "";
        child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
        child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
        const timer = setTimeout(() => child.kill("SIGKILL"), 180_000);
        child.on("close", (code) => {
          clearTimeout(timer);
          if (code !== 0) return reject(new Error(`mbsync ended with ${code}: ${output.slice(-2_000)}`));
          resolve({ added: messageFiles() - before, output });
        });
      }),
    startOver() {
      for (const name of ["mail", "state"]) {
        rmSync(join(dir, name), { recursive: true });
        mkdirSync(join(dir, name));
      }
    },
    messages: (folder = "INBOX") =>
      globSync(`${dir}/mail/${folder}/{cur,new}/*`).map((file) => readFileSync(file, "latin1")),
  };
}
