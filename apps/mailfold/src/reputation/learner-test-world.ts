import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { streams } from "@mailfold/events";
import {
  idOf,
  linesOf,
  listingsOf,
  ReputationWorld,
  startAt,
  type ToldEvent,
  type ToldVerdict,
  tell,
  tenantEvents,
  tenantNo,
  verdictTold,
} from "./reputation-test-world.ts";

/** Whose mail it is, and who sends it, in the tests of the learner. */
export const tenant = tenantNo(0);
export const ip = "192.0.2.7";
export const system = { actor: { type: "system", id: "test" } } as const;

/** Junk after junk: each is a mail and half a point. */
export const junk = (count: number, more: Partial<ToldVerdict> = {}): readonly ToldEvent[] =>
  Array.from({ length: count }, (_, n) =>
    verdictTold({ key: `j${n}`, tenant, at: startAt + n, ip, reason: "spam-junk", action: "junk", ...more }),
  );

/** The tenant sets one of its settings. */
export const setting = (name: string, value: unknown, at = startAt): ToldEvent => ({
  stream: streams.policy(tenant.tenantId),
  event: {
    id: idOf(`set ${name}`),
    type: "PolicySettingsChanged",
    data: { scope: { kind: "tenant", id: tenant.tenantId }, set: { [name]: value }, unset: [] },
    metadata: system,
    occurredAt: at,
  },
});

export interface LearnerWorld {
  readonly world: ReputationWorld;
  /** The learner's file, in a directory of its own. */
  readonly path: string;
  /** Listings begun, raised and ended; how often they were renewed is libs/reputation's business. */
  lines(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** What tells the learner that the story begins now: the tenant is a year older. */
const beginning: readonly ToldEvent[] = [startAt - 2, startAt - 1].map((at) => ({
  stream: streams.reputationTicks(at),
  event: { id: idOf(`tick ${at}`), type: "ReputationTicked", data: { at }, metadata: system, occurredAt: at },
}));

/** A log that knows the tenant, and a place for the learner's file. */
export async function openLearnerWorld(): Promise<LearnerWorld> {
  const dir = mkdtempSync(join(tmpdir(), "mailfold-reputation-"));
  const world = await ReputationWorld.open();
  await tell(world.events, [...tenantEvents(tenant), ...beginning]);
  return {
    world,
    path: join(dir, "reputation.db"),
    lines: async () => linesOf(await listingsOf(world.events)).filter((line) => !line.includes("renewed")),
    async close() {
      await world.events.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
