import { existsSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createDnsResolver } from "@mailfold/dns";
import type { Command } from "commander";
import { contextOf } from "../command-context.ts";
import type { Config } from "../config.ts";
import { printRows } from "../print.ts";
import { isAlive, readRunFile } from "../run-file.ts";
import { sealRecordOf } from "../seal-key-file.ts";

interface Finding {
  readonly check: string;
  readonly result: "ok" | "warning" | "problem";
  readonly detail: string;
}

const lookUpMs = 5_000;
const lowDiskBytes = 1_073_741_824;

/** `mailfold doctor`: what an operator would look at first. Exit 1 when there is a problem. */
export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("check configuration, data directory, disk, and the running platform")
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const { config } = context.config();
      const findings = [...checkData(config), ...(await checkSealKey(config)), ...(await checkRunning(config))];
      printRows(
        findings.map((finding) => ({ ...finding })),
        ["check", "result", "detail"],
        context.json,
      );
      if (findings.some((finding) => finding.result === "problem")) process.exitCode = 1;
    });
}

function checkData({ dataDir }: Config): readonly Finding[] {
  if (!existsSync(dataDir))
    return [
      { check: "data directory", result: "warning", detail: `${dataDir} does not exist yet; the first start makes it` },
    ];
  const mode = statSync(dataDir).mode & 0o777;
  const free = statfsSync(dataDir);
  const freeBytes = free.bavail * free.bsize;
  const openFiles = ["admin-token", "keys", "tls"].filter(
    (name) => existsSync(join(dataDir, name)) && (statSync(join(dataDir, name)).mode & 0o077) !== 0,
  );
  return [
    {
      check: "data directory",
      result: (mode & 0o077) === 0 ? "ok" : "problem",
      detail: `${dataDir} has mode ${mode.toString(8)}`,
    },
    {
      check: "secrets",
      result: openFiles.length === 0 ? "ok" : "problem",
      detail: openFiles.length === 0 ? "readable by the owner only" : `readable by others: ${openFiles.join(", ")}`,
    },
    {
      check: "free space",
      result: freeBytes > lowDiskBytes ? "ok" : "warning",
      detail: `${Math.floor(freeBytes / 1_048_576)} MiB`,
    },
  ];
}

/** Whether the world can read the key that forwarded mail is sealed with (ARC, RFC 8617); else the line to publish. */
async function checkSealKey({ dataDir, hostname, dns }: Config): Promise<readonly Finding[]> {
  const record = sealRecordOf(dataDir, hostname);
  if (record === undefined) return [];
  const resolver = createDnsResolver({ ...(dns === undefined ? {} : { server: dns }), timeoutMs: lookUpMs });
  const found = await resolver.txt(record.name);
  const says =
    found.status === "found" ? "holds another key" : found.status === "none" ? "is missing" : "cannot be read";
  const isPublished = found.status === "found" && found.records.includes(record.value);
  const check = "seal key";
  if (isPublished) return [{ check, result: "ok", detail: `published at ${record.name}` }];
  return [{ check, result: "warning", detail: `the DNS record ${says}; publish: ${record.zoneLine}` }];
}

async function checkRunning({ dataDir }: Config): Promise<readonly Finding[]> {
  const run = readRunFile(dataDir);
  if (run === undefined || !isAlive(run))
    return [{ check: "platform", result: "warning", detail: "not running on this data directory" }];
  const host = run.host.includes(":") ? `[${run.host}]` : run.host;
  try {
    const response = await fetch(`http://${host}:${run.ports.http}/readyz?verbose`, {
      signal: AbortSignal.timeout(5_000),
    });
    const text = (await response.text()).replace(/\s+/g, " ").slice(0, 500);
    return [{ check: "platform", result: response.ok ? "ok" : "problem", detail: text }];
  } catch (error) {
    return [
      {
        check: "platform",
        result: "problem",
        detail: `process ${run.pid} lives but does not answer: ${(error as Error).message}`,
      },
    ];
  }
}
