import { newId } from "@mailfold/ids";
import type { Clock, Refusal, SimulationId } from "@mailfold/kernel";
import type { SimulationResult } from "@mailfold/policy";
import type { Metrics } from "@mailfold/telemetry";
import { type Belonging, type Caller, mayReach } from "../caller.ts";
import type {
  SimulationEngine,
  SimulationOutcome,
  SimulationProgress,
  SimulationRequest,
} from "./simulation-engine.ts";
import { ownersOf, type SimulationOwners, SimulationTurns } from "./simulation-turns.ts";

export const simulationStates = ["WAITING", "RUNNING", "DONE", "STOPPED", "FAILED", "CANCELLED"] as const;
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
  readonly owners: SimulationOwners;
  readonly belonging: Belonging;
  readonly cancel: AbortController;
  /** Called at every change. */
  readonly watchers: Set<() => void>;
  endedAt: number | undefined;
}

/** Unfinished ones of one token subject, of one tenant (or reseller itself), of a reseller with its tenants, and of all. */
const perSubjectMax = 2;
const perOwnerMax = 4;
const perGroupMax = 20;
const unfinishedMax = 50;
/** From its turn on; some 100 million verdicts. */
const deadlineMs = 600_000;
/** How long a finished one is kept, and how many of all. */
const keptMs = 3_600_000;
const keptMax = 200;

function isOver({ state }: SimulationView): boolean {
  return state !== "WAITING" && state !== "RUNNING";
}

type SimulationMetrics = Pick<Metrics, "simulations" | "simulatedVerdicts" | "simulationsUnfinished">;

/** Tries of all callers: one runs at a time, and owners take turns; results are kept for an hour, for their caller alone. */
export class SimulationJobs {
  readonly #engine: SimulationEngine | undefined;
  readonly #clock: Clock;
  readonly #metrics: SimulationMetrics;
  readonly #jobs = new Map<string, Job>();
  readonly #turns = new SimulationTurns();
  #isBusy = false;
  #isClosed = false;

  constructor(engine: SimulationEngine | undefined, clock: Clock, metrics: SimulationMetrics) {
    this.#engine = engine;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Begins a try; undefined when this process has no engine, `busy` when too many are unfinished. */
  start(caller: Caller, belonging: Belonging, request: SimulationRequest): SimulationView | "busy" | undefined {
    const engine = this.#engine;
    if (engine === undefined || this.#isClosed) return undefined;
    this.#forget();
    const owners = ownersOf(caller, belonging);
    if (this.#isFull(caller.subject, owners)) return "busy";
    const simulationId = newId("simulation");
    const startedAt = this.#clock.now();
    const job: Job = {
      view: { simulationId, state: "WAITING", startedAt, request, rows: 0, rowsTotal: 0 },
      subject: caller.subject,
      owners,
      belonging,
      cancel: new AbortController(),
      watchers: new Set(),
      endedAt: undefined,
    };
    this.#jobs.set(simulationId, job);
    this.#metrics.simulationsUnfinished.set(this.#unfinished().length);
    void this.#work(engine);
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
    for (const job of this.#unfinished()) {
      job.cancel.abort();
      if (job.view.state === "WAITING") this.#end(job, { state: "CANCELLED" });
    }
  }

  #unfinished(): readonly Job[] {
    return [...this.#jobs.values()].filter(({ view }) => !isOver(view));
  }

  #isFull(subject: string, [group, owner]: SimulationOwners): boolean {
    const unfinished = this.#unfinished();
    const count = (isOne: (job: Job) => boolean): number => unfinished.filter(isOne).length;
    return (
      unfinished.length >= unfinishedMax ||
      count((job) => job.subject === subject) >= perSubjectMax ||
      count(({ owners }) => owners[1] === owner) >= perOwnerMax ||
      count(({ owners }) => owners[0] === group) >= perGroupMax
    );
  }

  async #work(engine: SimulationEngine): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const next = (): Job | undefined => this.#turns.next(this.#unfinished());
    for (let job = next(); job !== undefined; job = next()) await this.#run(job, engine);
    this.#isBusy = false;
  }

  #find(caller: Caller, simulationId: string): Job | undefined {
    this.#forget();
    const job = this.#jobs.get(simulationId);
    const isOwn = job !== undefined && job.subject === caller.subject && mayReach(caller, job.belonging);
    return isOwn ? job : undefined;
  }

  async #run(job: Job, engine: SimulationEngine): Promise<void> {
    this.#show(job, { state: "RUNNING" });
    const { signal } = job.cancel;
    const progressed = (progress: SimulationProgress): void => this.#show(job, progress);
    try {
      this.#end(job, endingOf(await engine.run(job.view.request, { signal, deadlineMs, progressed })));
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
    const { rows, state } = job.view;
    this.#metrics.simulations.inc({ outcome: state.toLowerCase() });
    this.#metrics.simulatedVerdicts.inc(rows);
    this.#metrics.simulationsUnfinished.set(this.#unfinished().length);
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
  const { policyEvent, result, stopped } = outcome;
  const state = stopped === true ? "STOPPED" : "DONE";
  return { state, result, ...(policyEvent === undefined ? {} : { policyEvent }) };
}
