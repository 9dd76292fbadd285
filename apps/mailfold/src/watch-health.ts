import type { monitorEventLoopDelay } from "node:perf_hooks";
import type { Readiness } from "@mailfold/app-api";
import type { ReadStore } from "@mailfold/read-store";
import type { Metrics } from "@mailfold/telemetry";
import type { PolicyFeed } from "./policy-feed.ts";
import { decidingViews } from "./views.ts";

/** Readiness for /readyz and gauges that are read off rather than counted. */
export interface Health {
  readonly readiness: () => Readiness;
  close(): Promise<void>;
}

export interface HealthInput {
  readonly rows: ReadStore;
  readonly metrics: Metrics;
  readonly loopDelay: ReturnType<typeof monitorEventLoopDelay>;
  readonly viewsReady: () => boolean;
  readonly policy: Pick<PolicyFeed, "ready" | "stuck">;
}

const sampleMs = 5_000;

/** Samples view lag and event-loop delay, and answers readiness with its reasons. */
export function watchHealth(input: HealthInput): Health {
  const { rows, metrics, loopDelay } = input;
  const timer = setInterval(() => {
    for (const view of rows.status()) {
      const labels = { projection: view.name };
      metrics.projectionLagEvents.set(labels, view.lagEvents);
      metrics.projectionLagSeconds.set(labels, view.lagSeconds);
      metrics.projectionParked.set(labels, view.state === "parked" ? 1 : 0);
    }
    metrics.ready.set(input.viewsReady() ? 1 : 0);
    metrics.eventLoopDelaySeconds.set(loopDelay.percentile(99) / 1e9);
    loopDelay.reset();
  }, sampleMs);
  timer.unref();
  return {
    readiness() {
      const views = rows.status().filter((view) => decidingViews.includes(view.name));
      const reasons = views
        .filter((view) => view.state === "parked" || view.state === "stopped")
        .map((view) => `view ${view.name} is ${view.state}: ${view.parked?.error ?? "see the log"}`);
      const stuck = input.policy.stuck();
      if (stuck !== undefined) reasons.push(`the policy cannot follow the log: ${stuck}`);
      const ready = input.viewsReady();
      if (!ready && reasons.length === 0) reasons.push("directory and policy views are catching up");
      return { ready, roles: { directory: ready, policy: input.policy.ready() }, reasons };
    },
    close() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
