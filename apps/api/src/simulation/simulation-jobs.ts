import { newId } from "@mailfold/ids";
import type { Clock, Refusal, SimulationId } from "@mailfold/kernel";
import type { SimulationResult } from "@mailfold/policy";
import { type Belonging, type Caller, mayReach } from "../caller.ts";
import type {
  SimulationEngine,
  SimulationOutcome,
  SimulationProgress,
  SimulationRequest,
} from "./simulation-engine.ts";

export const simulationStates = ["WAITING", "RUNNING", "DONE", "FAILED", "CANCELLED"] as const;
export type SimulationState = (typeof simulationStates)[number];

/** A try as its caller sees it, at one moment. */
export interface SimulationView extends SimulationProgress {
  readonly simulationId: SimulationId;
  readonly state: SimulationState;
  readonly startedAt: number;
  readonly request: SimulationRequest;
  readonly result?: SimulationResult;
  readonly policyEvent?: string;
  /** Why it failed. */
  readonly error?: Refusal;
}

interface Job {
  view: SimulationView;
  readonly subject: string;
  readonly belonging: Belonging;
  readonly cancel: AbortController;
  /** Called at every change. */
  readonly watchers: Set<() => void>;
  endedAt: number | undefined;
}

/** Unfinished ones of one token subject, and of all. */
const perSubjectMax = 2;
const unfinishedMax = 50;
/** How long a finished one is kept, and how many of all. */
const keptMs = 3_600_000;
const keptMax = 200;

function isOver({ state }: SimulationView): boolean {
  return state !== "WAITING" && state !== "RUNNING";
}

/** Tries of all callers: one runs at a time, in the order they came; results are kept for an hour, for their caller alone. */
export class SimulationJobs {
  readonly #engine: SimulationEngine | undefined;
  readonly #clock: Clock;
  readonly #jobs = new Map<string, Job>();
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(engine: SimulationEngine | undefined, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Begins a try; undefined when this process has no engine, `busy` when too many are unfinished. */
  start(caller: Caller, belonging: Belonging, request: SimulationRequest): SimulationView | "busy" | undefined {
    const engine = this.#engine;
    if (engine === undefined || this.#isClosed) return undefined;
    this.#forget();
    const unfinished = [...this.#jobs.values()].filter(({ view }) => !isOver(view));
    const own = unfinished.filter(({ subject }) => subject === caller.subject);
    if (own.length >= perSubjectMax || unfinished.length >= unfinishedMax) return "busy";
    const simulationId = newId("simulation");
    const startedAt = this.#clock.now();
    const job: Job = {
      view: { simulationId, state: "WAITING", startedAt, request, rows: 0, rowsTotal: 0 },
      subject: caller.subject,
      belonging,
      cancel: new AbortController(),
      watchers: new Set(),
      endedAt: undefined,
    };
    this.#jobs.set(simulationId, job);
    this.#last = this.#last.then(() => this.#run(job, engine));
    return job.view;
  }

  /** A caller's own one, while he may still reach what it is about. */
  find(caller: Caller, simulationId: string): SimulationView | undefined {
    return this.#find(caller, simulationId)?.view;
  }

  cancel(caller: Caller, simulationId: string): SimulationView | undefined {
    const job = this.#find(caller, simulationId);
    if (job === undefined) return undefined;
    job.cancel.abort();
    if (job.view.state === "WAITING") this.#end(job, { state: "CANCELLED" });
    return job.view;
  }

  /** Waits until it is over, the time is up, or the signal aborts. */
  async settled(
    caller: Caller,
    simulationId: string,
    limit: { timeoutMs: number; signal: AbortSignal },
  ): Promise<void> {
    const late = AbortSignal.any([AbortSignal.timeout(limit.timeoutMs), limit.signal]);
    for await (const view of this.watch(caller, simulationId, late)) if (isOver(view)) return;
  }

  /** The view now and at every change, until it is over; a slow reader misses what lies between. */
  async *watch(caller: Caller, simulationId: string, signal: AbortSignal): AsyncGenerator<SimulationView> {
    const job = this.#find(caller, simulationId);
    if (job === undefined) return;
    let shown: SimulationView | undefined;
    while (!signal.aborted) {
      if (job.view !== shown) {
        shown = job.view;
        yield shown;
        if (isOver(shown)) return;
        continue;
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          job.watchers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        job.watchers.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const job of this.#jobs.values()) job.cancel.abort();
  }

  #find(caller: Caller, simulationId: string): Job | undefined {
    this.#forget();
    const job = this.#jobs.get(simulationId);
    const isOwn = job !== undefined && job.subject === caller.subject && mayReach(caller, job.belonging);
    return isOwn ? job : undefined;
  }

  async #run(job: Job, engine: SimulationEngine): Promise<void> {
    if (isOver(job.view)) return;
    this.#show(job, { state: "RUNNING" });
    const { signal } = job.cancel;
    const progressed = (progress: SimulationProgress): void => this.#show(job, progress);
    try {
      this.#end(job, endingOf(await engine.run(job.view.request, { signal, progressed })));
    } catch {
      const message = "The simulation could not be finished; try again.";
      this.#end(job, { state: "FAILED", error: { code: "SIMULATION_FAILED", message } });
    }
  }

  #show(job: Job, more: Partial<SimulationView>): void {
    job.view = { ...job.view, ...more };
    for (const wake of [...job.watchers]) wake();
  }

  #end(job: Job, more: Partial<SimulationView>): void {
    job.endedAt = this.#clock.now();
    this.#show(job, more);
  }

  #forget(): void {
    const now = this.#clock.now();
    for (const [id, { endedAt }] of this.#jobs) {
      if (endedAt !== undefined && (now - endedAt > keptMs || this.#jobs.size > keptMax)) this.#jobs.delete(id);
    }
  }
}

function endingOf(outcome: SimulationOutcome): Partial<SimulationView> {
  if ("cancelled" in outcome) return { state: "CANCELLED" };
  if ("problem" in outcome) {
    const { at, code, message } = outcome.problem;
    return { state: "FAILED", error: { code, message, path: ["changes", String(at)] } };
  }
  const { policyEvent, result } = outcome;
  return { state: "DONE", result, ...(policyEvent === undefined ? {} : { policyEvent }) };
}
