import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { temporaryDir } from "./platform.ts";

const run = promisify(execFile);

/** A real Postfix of its own directories that relays everything to one host and port. */
export interface Postfix {
  readonly port: number;
  /** Messages in its queue. */
  queued(): Promise<number>;
  log(): string;
  stop(): Promise<void>;
}

const services = `
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - 20 smtp
relay unix - - n - 20 smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
`;

export async function startPostfix(relay: { readonly port: number }): Promise<Postfix> {
  const dir = temporaryDir("postfix");
  execFileSync("chmod", ["755", dir]);
  const port = await freePort();
  for (const name of ["config", "queue", "data"]) mkdirSync(join(dir, name));
  execFileSync("chown", ["postfix:postfix", join(dir, "data")]);
  const settings = {
    compatibility_level: "3.6",
    queue_directory: join(dir, "queue"),
    data_directory: join(dir, "data"),
    command_directory: "/usr/sbin",
    daemon_directory: "/usr/lib/postfix/sbin",
    mail_owner: "postfix",
    setgid_group: "postdrop",
    myhostname: "relay.sender.example",
    mydestination: "",
    mynetworks: "127.0.0.0/8",
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    relayhost: `[127.0.0.1]:${relay.port}`,
    smtpd_relay_restrictions: "permit_mynetworks, reject",
    smtp_tls_security_level: "may",
    smtp_line_length_limit: "0",
    local_header_rewrite_clients: "",
    alias_maps: "",
    message_size_limit: "30000000",
    mailbox_size_limit: "0",
    minimal_backoff_time: "2s",
    maximal_backoff_time: "5s",
    queue_run_delay: "2s",
    maillog_file: join(dir, "log"),
    maillog_file_prefixes: dir,
  };
  writeFileSync(
    join(dir, "config/main.cf"),
    Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join(""),
  );
  writeFileSync(join(dir, "config/master.cf"), `127.0.0.1:${port} inet n - n - - smtpd\n${services}`);
  const postfix = (command: string) =>
    run("/usr/sbin/postfix", ["-c", join(dir, "config"), command], { timeout: 30_000 });
  await postfix("start");
  return {
    port,
    async queued() {
      const { stdout } = await run("/usr/sbin/postqueue", ["-c", join(dir, "config"), "-j"], { maxBuffer: 1 << 26 });
      return stdout.split("\n").filter((line) => line !== "").length;
    },
    log: () => readFileSync(join(dir, "log"), "utf8"),
    async stop() {
      await postfix("stop").catch(() => undefined);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
