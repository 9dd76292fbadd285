import assert from "node:assert/strict";
import { messageIdCounts } from "../e2e/imap-reader.ts";
import { type Platform, platformEnv, runMailfold, startPlatform, temporaryDir } from "../e2e/platform.ts";
import { provisionTenant, type Tenant } from "../e2e/provision.ts";
import { runSwarm, swarmMessage } from "../load/smtp-swarm.ts";

export interface KillReport {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly cut: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly slowestStartMs: number;
}

/**
 * Kills the platform with SIGKILL at random moments under 50 SMTP clients, starts it again, and at the end counts every
 * message in its mailbox, and has log, bodies and views verified. `seed` makes the moments repeatable.
 */
export async function killRounds(options: {
  readonly rounds: number;
  readonly seed: number;
  readonly clients?: number;
}): Promise<KillReport> {
  const random = mulberry32(options.seed);
  const dataDir = temporaryDir("kill");
  let platform = await startPlatform({ dataDir });
  const tenant = await provisionTenant(platform, "kill", { locals: ["a", "b", "c", "d"] });
  const acknowledged = new Map<string, string>();
  const cut = new Map<string, string>();
  let slowestStartMs = platform.readyMs;
  for (let round = 0; round < options.rounds; round += 1) {
    const flow = mailFlow({ platform, tenant, round, clients: options.clients ?? 50 }, { acknowledged, cut });
    await new Promise((resolve) => setTimeout(resolve, 150 + random() * 1_350));
    await platform.stop("SIGKILL");
    flow.stop();
    await flow.done;
    platform = await startPlatform({ dataDir });
    slowestStartMs = Math.max(slowestStartMs, platform.readyMs);
  }
  const counts = new Map<string, number>();
  for (const mailbox of tenant.mailboxes)
    for (const [id, count] of await messageIdCounts(platform.ports.imap, mailbox))
      counts.set(id, (counts.get(id) ?? 0) + count);
  assert.equal(await platform.stop(), 0);
  const verified = await runMailfold(["verify", "--json"], platformEnv(dataDir));
  assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
  const header = (id: string) => `<${id}@swarm.example>`;
  return {
    rounds: options.rounds,
    acknowledged: acknowledged.size,
    cut: cut.size,
    lost: [...acknowledged.keys()].filter((id) => counts.get(header(id)) !== 1),
    doubled: [...cut.keys()].filter((id) => (counts.get(header(id)) ?? 0) > 1),
    slowestStartMs,
  };
}

interface Flow {
  readonly platform: Platform;
  readonly tenant: Tenant;
  readonly round: number;
  readonly clients: number;
}

function mailFlow(
  flow: Flow,
  results: { readonly acknowledged: Map<string, string>; readonly cut: Map<string, string> },
): { stop(): void; readonly done: Promise<void> } {
  let stopped = false;
  let made = 0;
  const done = runSwarm({
    port: flow.platform.ports.smtp,
    connections: flow.clients,
    sender: "swarm@sender.example",
    reconnect: true,
    stopped: () => stopped,
    next() {
      made += 1;
      const mailbox = flow.tenant.mailboxes[made % flow.tenant.mailboxes.length];
      return swarmMessage(`r${flow.round}.${made}`, mailbox?.address ?? "", 2_048 + (made % 7) * 1_000);
    },
    onResult(id, result, text) {
      if (result === "acknowledged") results.acknowledged.set(id, text);
      else results.cut.set(id, text);
    },
  });
  return {
    stop() {
      stopped = true;
    },
    done,
  };
}

/** A small seeded generator (mulberry32), uniform in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
