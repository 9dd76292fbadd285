import { type Smtp, type SmtpLimits, startSmtp } from "../index.ts";
import type { SmtpDeps } from "../smtp-deps.ts";
import { type FakeDeps, fakeDeps } from "./fake-deps.ts";

export interface StartedEdge {
  readonly deps: FakeDeps;
  readonly mx: number;
  readonly submission: number;
  readonly submissions: number;
  readonly close: () => Promise<void>;
}

/** Edges started by a test file; close them all after each test. */
export class EdgeStarter {
  private readonly running: Smtp[] = [];

  async start(
    limits: Partial<SmtpLimits> = {},
    more: Partial<SmtpDeps> & { trustedProxies?: string[] } = {},
  ): Promise<StartedEdge> {
    const deps = await fakeDeps(more);
    const smtp = await startSmtp(deps, {
      host: "127.0.0.1",
      hostname: "mx.test",
      ports: { mx: 0, submission: 0, submissions: 0 },
      trustedProxies: more.trustedProxies ?? [],
      limits: { sweepIntervalMs: 20, drainMs: 200, ...limits },
    });
    this.running.push(smtp);
    const { mx = 0, submission = 0, submissions = 0 } = smtp.ports;
    return { deps, mx, submission, submissions, close: () => smtp.close() };
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.running.splice(0).map((smtp) => smtp.close()));
  }
}

/** Bodies of all messages committed so far. */
export function receivedBy({ deps }: StartedEdge): string[] {
  return deps.fakeJournal.commits.flatMap((commit) =>
    (commit.bodies ?? []).map((body) => Buffer.from(body.bytes).toString("latin1")),
  );
}
