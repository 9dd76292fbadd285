import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Platform } from "../e2e/platform.ts";
import type { Tenant } from "../e2e/provision.ts";
import { runSwarm, swarmMessage } from "./smtp-swarm.ts";

export interface SmtpRate {
  readonly connections: number;
  readonly sizeBytes: number;
  readonly mailfoldPerSecond: number;
  readonly rawPerSecond: number;
}

const sizes = [4_096, 51_200] as const;
const connectionCounts = [1, 20, 100] as const;

/** Durable messages per second from SMTP to folder, beside the same client against smtp-server discarding mail. */
export async function benchSmtp(platform: Platform, tenant: Tenant, seconds: number): Promise<readonly SmtpRate[]> {
  const sink = spawn(process.execPath, [fileURLToPath(new URL("./raw-smtp-sink.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(sink.stdout, "data")) as [Buffer];
  const rawPort = Number(line.toString());
  const recipients = tenant.mailboxes.map((mailbox) => mailbox.address);
  const rates: SmtpRate[] = [];
  try {
    for (const sizeBytes of sizes) {
      for (const connections of connectionCounts) {
        const run = (port: number, duration: number) =>
          rate({ port, connections, sizeBytes, recipients, seconds: duration });
        await run(platform.ports.smtp, 1);
        await run(rawPort, 1);
        rates.push({
          connections,
          sizeBytes,
          mailfoldPerSecond: await run(platform.ports.smtp, seconds),
          rawPerSecond: await run(rawPort, seconds),
        });
      }
    }
  } finally {
    sink.kill();
  }
  return rates;
}

interface Load {
  readonly port: number;
  readonly connections: number;
  readonly sizeBytes: number;
  readonly recipients: readonly string[];
  readonly seconds: number;
}

let made = 0;

async function rate(load: Load): Promise<number> {
  const endsAt = performance.now() + load.seconds * 1_000;
  let acknowledged = 0;
  const problems = new Map<string, number>();
  const startedAt = performance.now();
  await runSwarm({
    port: load.port,
    connections: load.connections,
    sender: "swarm@sender.example",
    stopped: () => performance.now() >= endsAt,
    next() {
      made += 1;
      return swarmMessage(`bench-${made}`, load.recipients[made % load.recipients.length] ?? "", load.sizeBytes);
    },
    onResult(_id, result, text) {
      if (result === "acknowledged") acknowledged += 1;
      else problems.set(`${result} ${text.slice(0, 60)}`, (problems.get(`${result} ${text.slice(0, 60)}`) ?? 0) + 1);
    },
  });
  if (problems.size > 0) process.stderr.write(`not acknowledged: ${JSON.stringify([...problems].slice(0, 3))}\n`);
  return Math.round(acknowledged / ((performance.now() - startedAt) / 1_000));
}
