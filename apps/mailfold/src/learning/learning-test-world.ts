import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SubscriptionMessage } from "@mailfold/event-store";
import type { BodyRef, MessageMarked } from "@mailfold/events";
import type { MailboxId, Position, RecordedEvent, TenantId } from "@mailfold/kernel";
import type { LearningDeps } from "./learn-from-marks.ts";

export const tenantId = "ten_1" as TenantId;

/** A message with words of its kind: enough of them to tell two kinds apart. */
export function messageOf(kind: "spam" | "ham", n: number): Uint8Array {
  const words = {
    spam: "lottery winner casino jackpot prize claim million transfer urgent pills discount",
    ham: "meeting agenda project schedule review minutes colleague invoice draft budget report",
  };
  return Buffer.from(`From: a@${kind}.test\r\nSubject: number ${n}\r\n\r\n${words[kind]} number${n}\r\n`);
}

/** A log of marks with their bodies, in memory, and what the learner told of itself. */
export class LearningWorld {
  readonly dir = mkdtempSync(join(tmpdir(), "mailfold-learning-"));
  readonly path = join(this.dir, "classifier.db");
  readonly events: RecordedEvent[] = [];
  readonly bodies = new Map<string, Uint8Array>();
  readonly counted = new Map<string, number>();
  readonly warnings: string[] = [];
  readonly #wake = new Set<() => void>();
  readonly erased = new Set<TenantId>();
  epoch = "epoch-1";
  rebuilt = 0;
  lagSeconds = -1;
  bodyFault: Error | undefined;

  mark(messageKey: string, mark: "spam" | "notSpam", bytes: Uint8Array, changes: Partial<RecordedEvent> = {}): void {
    const sha256 = Buffer.from(messageKey).toString("hex").padStart(64, "0");
    const body: BodyRef = { tenantId, sha256, sizeBytes: bytes.length };
    this.bodies.set(sha256, bytes);
    const n = this.events.length + 1;
    const data: MessageMarked["data"] = { mailboxId: "mbx_1" as MailboxId, messageKey, body, mark, by: "move" };
    this.events.push({
      id: `event-${n}`,
      type: "MessageMarked",
      stream: "mark-ten_1.20261124",
      revision: n - 1,
      position: String(n).padStart(16, "0") as Position,
      occurredAt: Date.now(),
      data,
      metadata: { tenantId, actor: { type: "mailbox", id: "mbx_1" } },
      ...changes,
    });
    for (const wake of this.#wake) wake();
  }

  deps(): LearningDeps {
    return {
      events: {
        epoch: async () => this.epoch,
        subscribe: (options) => this.#subscribe(options?.after ?? "", options?.signal),
      },
      bodies: {
        readRange: async ({ sha256 }, start, end) => {
          if (this.bodyFault !== undefined) throw this.bodyFault;
          return this.bodies.get(sha256)?.slice(start, end);
        },
      },
      clock: { now: Date.now },
      log: { info: () => {}, warn: (...said: unknown[]) => this.warnings.push(JSON.stringify(said)) } as never,
      metrics: {
        classifierMarks: {
          inc: ({ kind, outcome }: { kind: string; outcome: string }) => {
            const name = `${kind} ${outcome}`;
            this.counted.set(name, (this.counted.get(name) ?? 0) + 1);
          },
        },
        classifierLagSeconds: {
          set: (seconds: number) => {
            this.lagSeconds = seconds;
          },
        },
      } as never,
      path: this.path,
      isErased: (id) => this.erased.has(id),
      retryMs: 0.2,
      onRebuilt: () => {
        this.rebuilt += 1;
      },
    };
  }

  async *#subscribe(after: string, signal?: AbortSignal): AsyncGenerator<SubscriptionMessage> {
    let position = after as Position;
    while (signal?.aborted !== true) {
      const next = this.events.find((event) => event.position > position);
      if (next === undefined) {
        yield { type: "caughtUp", position };
        await new Promise<void>((resolve) => {
          this.#wake.add(resolve);
          signal?.addEventListener("abort", () => resolve());
          if (signal?.aborted === true || this.events.some((event) => event.position > position)) resolve();
        });
        continue;
      }
      yield { type: "event", event: next };
      position = next.position;
    }
  }

  /** Waits until so many marks are worked off. */
  async worked(count: number): Promise<void> {
    await until(() => [...this.counted.values()].reduce((sum, each) => sum + each, 0) >= count);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Waits at most 10 s for something to come true. */
async function until(look: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!look()) {
    assert.ok(Date.now() < deadline, "waited 10 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
