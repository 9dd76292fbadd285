import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { Resolver } from "node:dns/promises";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { temporaryDir } from "./platform.ts";

/** One line of a zone file: name without the final dot, type, data as RFC 1035 5.1 writes it. */
export type ZoneRecord = readonly [name: string, type: "A" | "AAAA" | "CNAME" | "MX" | "PTR" | "TXT", data: string];

/** A real bind9 on loopback that is the root of a world of the test's own: a name it was not told does not exist. */
export interface NameServer {
  /** `ip:port`, as MAILFOLD_DNS takes it. */
  readonly address: string;
  /** Adds records while it runs; they are answered once this resolves. */
  publish(...records: readonly ZoneRecord[]): Promise<void>;
  stop(): Promise<void>;
}

/** A TXT record's data of any length, cut into strings of at most 255 octets. */
export function txt(text: string): string {
  return (text.match(/.{1,255}/gs) ?? [""]).map((part) => `"${part.replace(/["\\]/g, "\\$&")}"`).join(" ");
}

/** The record by which an RFC 5782 list names an IPv4 address. */
export function listing(ip: string, zone: string, answer = "127.0.0.2"): ZoneRecord {
  return [`${ip.split(".").reverse().join(".")}.${zone}`, "A", answer];
}

/** `delegated`: zones whose questions are handed on to the server at `ip:port`, which may behave as badly as it likes. */
export async function startNameServer(world: {
  readonly records: readonly ZoneRecord[];
  readonly delegated?: Readonly<Record<string, string>>;
}): Promise<NameServer> {
  const dir = temporaryDir("named");
  const port = await freePort();
  const delegated = world.delegated ?? {};
  const records = [...world.records];
  let serial = 0;
  /** Writes the zone; answers a name that only this version has. */
  const writeZone = (): string => {
    serial += 1;
    const canary = `v${serial}-${randomBytes(6).toString("hex")}.test`;
    writeFileSync(join(dir, "root.zone"), zoneFile({ records, delegated: Object.keys(delegated), canary, serial }));
    return canary;
  };
  mkdirSync(join(dir, "cache"));
  const canary = writeZone();
  writeFileSync(join(dir, "named.conf"), configuration(dir, port, delegated));
  const child = spawn("/usr/sbin/named", ["-g", "-n", "1", "-c", join(dir, "named.conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  let log = "";
  child.once("error", (error) => (log += String(error)));
  child.stderr.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
  await untilAnswering(child, { port, canary }, () => log);
  return {
    address: `127.0.0.1:${port}`,
    async publish(...more) {
      records.push(...more);
      const next = writeZone();
      child.kill("SIGHUP");
      await untilAnswering(child, { port, canary: next }, () => log);
    },
    async stop() {
      process.removeListener("exit", end);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.kill("SIGKILL")) await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function zoneFile(zone: {
  readonly records: readonly ZoneRecord[];
  readonly delegated: readonly string[];
  readonly canary: string;
  readonly serial: number;
}): string {
  const lines = [
    "$TTL 1",
    `. IN SOA ns.test. hostmaster.test. ${zone.serial} 3600 600 86400 1`,
    ". IN NS ns.test.",
    "ns.test. IN A 127.0.0.1",
    `${zone.canary}. IN A 192.0.2.1`,
    ...zone.delegated.map((name) => `${name}. IN NS ns.test.`),
    ...zone.records.map(([name, type, data]) => `${name}. IN ${type} ${data}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** Forwards take the delegated zones past the root's own records; nothing else is ever asked of anybody. */
function configuration(dir: string, port: number, delegated: Readonly<Record<string, string>>): string {
  const forwards = Object.entries(delegated).map(([zone, server]) => {
    const [ip, at] = server.split(":");
    return `zone "${zone}" { type forward; forward only; forwarders { ${ip} port ${at}; }; };`;
  });
  return `
    options { directory "${dir}/cache"; pid-file none; session-keyfile none; recursion yes; notify no;
      allow-query { 127.0.0.0/8; }; allow-recursion { 127.0.0.0/8; }; allow-transfer { none; };
      listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
      dnssec-validation no; empty-zones-enable no; resolver-query-timeout 10000; max-cache-size 16m; };
    controls { };
    zone "." { type primary; file "${dir}/root.zone"; };
    ${forwards.join("\n    ")}
  `;
}

async function untilAnswering(
  child: ChildProcess,
  at: { readonly port: number; readonly canary: string },
  log: () => string,
): Promise<void> {
  const resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([`127.0.0.1:${at.port}`]);
  for (const endsAt = Date.now() + 20_000; Date.now() < endsAt && child.exitCode === null; ) {
    const found = await resolver.resolve4(at.canary).catch(() => []);
    if (found.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`bind9 did not come up:\n${log()}`);
}
