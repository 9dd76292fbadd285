import { createOperations } from "@mailfold/app-api";
import type { Logger } from "@mailfold/telemetry";
import { ensureAdminToken } from "./admin-token.ts";
import type { Config } from "./config.ts";
import { prepareDataDirectory, StartRefused } from "./data-directory.ts";
import { createDemo, type Demo, needsDemo, startMessage } from "./demo.ts";
import { type FrontEnds, operationDeps, startFrontEnds } from "./front-ends.ts";
import { openPlatformParts, type PlatformParts } from "./platform-parts.ts";
import { removeRunFile, writeRunFile } from "./run-file.ts";

/** A running platform. */
export interface Running {
  readonly ports: Config["ports"];
  /** Stops accepting, finishes or 421s what runs, closes the stores. */
  close(): Promise<void>;
}

/** Runs the whole platform: stores, views, front ends. Answers when every role listens and views are current. */
export async function serve(configured: Config, log: Logger, onFatal: (error: Error) => void): Promise<Running> {
  const dataDir = prepareDataDirectory(configured.dataDir);
  const config = { ...configured, dataDir };
  const parts = await openPlatformParts({ config, dataDir, log }, onFatal);
  let frontEnds: FrontEnds | undefined;
  try {
    const admin = ensureAdminToken(dataDir, config.adminToken);
    frontEnds = await startFrontEnds(parts, admin.hash);
    const demo = await firstStart(parts);
    writeRunFile(dataDir, {
      pid: process.pid,
      startedAt: Date.now(),
      host: config.host,
      hostname: config.hostname,
      ports: frontEnds.ports,
    });
    process.stdout.write(`${startMessage(config, frontEnds.ports, demo)}\n`);
  } catch (error) {
    await frontEnds?.close();
    await parts.close();
    throw busyPort(error, config);
  }
  const { ports, close } = frontEnds;
  return {
    ports,
    async close() {
      removeRunFile(dataDir);
      await close();
      await parts.close();
    },
  };
}

/** The demo is made once, while nobody else has begun to use the platform. */
async function firstStart(parts: PlatformParts): Promise<Demo | undefined> {
  const head = await parts.stores.journal.events.head();
  if (!(await parts.waitForViews(head, 30_000))) return undefined;
  if (!parts.config.demo || !needsDemo(parts.directory)) return undefined;
  return createDemo(createOperations(operationDeps(parts)), parts.directory);
}

/** A port that is taken, said with the variable's name. */
function busyPort(error: unknown, config: Config): unknown {
  const { code, port } = error as { readonly code?: string; readonly port?: number };
  if (code !== "EADDRINUSE" && code !== "EACCES") return error;
  const name = Object.entries(config.ports).find(([, each]) => each === port)?.[0];
  const variable = name === undefined ? `port ${port}` : `MAILFOLD_${name.toUpperCase()}_PORT ${port}`;
  return new StartRefused(
    code === "EACCES" ? `${variable} may not be opened by this user` : `${variable} is in use by another program`,
  );
}
