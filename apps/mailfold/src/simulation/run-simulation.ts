import { setImmediate as nextTurn } from "node:timers/promises";
import type { SimulationOutcome, SimulationProgress, SimulationRequest } from "@mailfold/app-api";
import { type Position, startOfLog } from "@mailfold/kernel";
import {
  applyChanges,
  applyPolicyEvent,
  type CompiledPolicy,
  emptyPolicy,
  type FactSegment,
  policyEventTypes,
  Simulation,
} from "@mailfold/policy";
import type { LogSource } from "../log-source.ts";
import type { FactFile } from "./fact-files.ts";
import { FactFileBroken } from "./fact-files.ts";
import type { FactTable } from "./fact-table.ts";
import { createRecordedRules } from "./recorded-rules.ts";

/** The policy in force, folded from the log when it is asked for. */
export class PolicyOfLog {
  readonly #log: Pick<LogSource, "readAll">;
  #policy: CompiledPolicy = emptyPolicy();
  #position: Position = startOfLog;

  constructor(log: Pick<LogSource, "readAll">) {
    this.#log = log;
  }

  async current(): Promise<CompiledPolicy> {
    const filter = { types: policyEventTypes.filter((type) => type !== "IpDenied") };
    for await (const event of this.#log.readAll({ after: this.#position, filter })) {
      this.#policy = applyPolicyEvent(this.#policy, event);
      this.#position = event.position;
    }
    return this.#policy;
  }
}

interface Tools {
  readonly table: FactTable;
  readonly policy: PolicyOfLog;
  readonly signal: AbortSignal;
  /** For all of it, reading the log's newest included; then what was looked at is the result. */
  readonly deadlineMs: number;
  readonly progressed: (progress: SimulationProgress) => void;
}

/**
 * Tries changes on all recorded verdicts of a time. Between segments the thread does what else it has to do, so that a
 * simulation can be cancelled; memory holds one segment at a time.
 */
export async function runSimulation(request: SimulationRequest, tools: Tools): Promise<SimulationOutcome> {
  const { deadlineMs, policy, signal, table } = tools;
  const timeUp = AbortSignal.timeout(deadlineMs);
  const over = AbortSignal.any([signal, timeUp]);
  await untilAborted(table.catchUp(over), over);
  // Rows that are not there yet cannot be looked at.
  const hasMissed = timeUp.aborted;
  const baseline = await policy.current();
  const applied = applyChanges(baseline, request.place, request.changes);
  if ("problem" in applied) return { problem: applied.problem };
  const simulation = new Simulation({
    ...request,
    baseline,
    changed: applied.policy,
    runRules: createRecordedRules(),
  });
  // Both must be of one moment: rows that come meanwhile are left for another time.
  const newest = table.newest();
  const files = table.files.filter(({ maxAt }) => maxAt >= request.from);
  for (const file of files) await readFrom(table, file, () => simulation.addMarks(table.marksOf(file)));
  simulation.addMarks(newest.marks);
  const isAsked = ({ maxAt, minAt }: FactFile): boolean => maxAt >= request.from && minAt < request.to;
  const asked = files.filter(isAsked);
  const rowsTotal = asked.reduce((sum, { rows }) => sum + rows, newest.rows);
  let rows = 0;
  const add = async (segment: FactSegment): Promise<void> => {
    simulation.addSegment(segment);
    rows += segment.rows;
    tools.progressed({ rows, rowsTotal });
    await nextTurn();
  };
  for (const file of asked) {
    if (over.aborted) break;
    await readFrom(table, file, () => add(table.segmentOf(file)));
  }
  if (!over.aborted) await add(newest);
  if (signal.aborted) return { cancelled: true };
  const stopped = rows < rowsTotal || hasMissed;
  return { result: simulation.result(), policyEvent: baseline.revision, ...(stopped ? { stopped } : {}) };
}

/** Work that goes on by itself when nobody waits for it any more. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => (stop = resolve));
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => undefined);
  }
}

/** Columns are decoded as they are looked at: a file shows that it is broken as late as while it is tried. */
async function readFrom(table: FactTable, file: FactFile, read: () => void | Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    // A file may have expired meanwhile; a broken one is made again.
    if (error instanceof FactFileBroken) await table.discard(file);
    throw error;
  }
}
