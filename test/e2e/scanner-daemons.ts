import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { temporaryDir } from "./platform.ts";

/** A real scanner of its own directory and ports. */
interface Daemon {
  readonly port: number;
  /** Stops all of its processes without ending them, as a hung machine would. */
  freeze(): void;
  thaw(): void;
  /** kill -9 for all of its processes. */
  kill(): Promise<void>;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

/** Runs a daemon in the foreground, in a process group of its own, until its port answers. */
async function runDaemon(command: readonly [string, ...string[]], dir: string, port: number): Promise<Daemon> {
  const [program, ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const keep = (chunk: unknown): void => {
    log = (log + String(chunk)).slice(-20_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.once("error", keep);
  await untilListening(child, port, () => log);
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended already.
    }
  };
  const kill = async (): Promise<void> => {
    signal("SIGKILL");
    await exited;
  };
  return {
    port,
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    kill,
    async stop() {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function untilListening(child: ChildProcess, port: number, log: () => string): Promise<void> {
  const endsAt = performance.now() + 30_000;
  while (performance.now() < endsAt && child.exitCode === null) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", () => resolve(false));
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the daemon did not come up:\n${log()}`);
}

/** rspamd with no rules but GTUBE, and a Bayes classifier to teach; `controllerPort` learns with `password`. */
export async function startRspamd(
  at: { readonly port?: number; readonly controllerPort?: number } = {},
): Promise<Daemon & { readonly controllerPort: number; readonly password: string }> {
  const dir = temporaryDir("rspamd");
  const [port, controllerPort] = [at.port ?? (await freePort()), at.controllerPort ?? (await freePort())];
  const password = "teach me";
  // rspamd compiles the whole public suffix list when it starts; three names are enough here.
  writeFileSync(join(dir, "tld"), "com\norg\ntest\n");
  const config = `
    options { temp_dir = "${dir}"; hs_cache_dir = "${dir}"; url_tld = "${dir}/tld"; filters = "";
      control_socket = "${dir}/control mode=0600"; disable_monitoring = true;
      dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1; retransmits = 1; } }
    logging { type = "console"; level = "notice"; }
    actions { reject = 15; add_header = 6; greylist = 4; }
    worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; }
    worker "controller" { bind_socket = "127.0.0.1:${controllerPort}"; password = "${password}"; secure_ip = []; count = 1; }
    classifier "bayes" { tokenizer { name = "osb"; } backend = "sqlite3"; min_tokens = 1; min_learns = 1;
      cache { path = "${dir}/learned.sqlite"; }
      statfile { symbol = "BAYES_HAM"; spam = false; path = "${dir}/ham.sqlite"; }
      statfile { symbol = "BAYES_SPAM"; spam = true; path = "${dir}/spam.sqlite"; } }
  `;
  writeFileSync(join(dir, "rspamd.conf"), config);
  const daemon = await runDaemon(["/usr/bin/rspamd", "-f", "-i", "-c", join(dir, "rspamd.conf")], dir, port);
  return { ...daemon, controllerPort, password };
}

/** clamd with one signature, EICAR's text, made here; `socketPath` is its Unix socket. Streams over 1 MiB are refused. */
export async function startClamd(
  at: { readonly port?: number } = {},
): Promise<Daemon & { readonly socketPath: string }> {
  const dir = temporaryDir("clamd");
  const port = at.port ?? (await freePort());
  const socketPath = join(dir, "clamd.sock");
  mkdirSync(join(dir, "db"));
  const pattern = Buffer.from("EICAR-STANDARD-ANTIVIRUS-TEST-FILE!").toString("hex");
  writeFileSync(join(dir, "db/test.ndb"), `Mailfold.Test.Eicar:0:*:${pattern}\n`);
  const config = [
    `DatabaseDirectory ${dir}/db`,
    `TCPSocket ${port}`,
    "TCPAddr 127.0.0.1",
    `LocalSocket ${socketPath}`,
    "User root",
    "Foreground yes",
    "StreamMaxLength 1M",
    "MaxThreads 2",
  ];
  writeFileSync(join(dir, "clamd.conf"), `${config.join("\n")}\n`);
  const daemon = await runDaemon(["/usr/sbin/clamd", "-c", join(dir, "clamd.conf")], dir, port);
  return { ...daemon, socketPath };
}
