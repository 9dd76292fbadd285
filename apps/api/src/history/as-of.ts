import { type Position, startOfLog } from "@mailfold/kernel";
import { auditTrail } from "@mailfold/projection-audit-trail";
import { directoryProjection } from "@mailfold/projection-directory";
import { policyIndex } from "@mailfold/projection-policy-index";
import type { ApiContext } from "../graphql/api-context.ts";
import { badRequest } from "../graphql/api-error.ts";
import { readCursor } from "../graphql/wait-for.ts";

const waitMs = 5_000;
const histories = [directoryProjection.name, policyIndex.name, auditTrail.name];

/** A moment of the past, exactly one member: a position, or an instant in ms since the epoch. */
export interface AsOf {
  readonly position?: string | null | undefined;
  readonly time?: number | null | undefined;
}

/**
 * The position that a reader asks to see the state of; undefined = as it is now. An instant means the state after the last
 * administrative event up to it. What lies outside the log is a BAD_REQUEST that says what is allowed.
 */
export async function readAsOf(
  context: ApiContext,
  asOf: AsOf | null | undefined,
  field = "asOf",
): Promise<Position | undefined> {
  if (asOf === null || asOf === undefined) return undefined;
  const { position, time } = asOf;
  const isTime = time !== null && time !== undefined;
  if (isTime === (position !== null && position !== undefined)) {
    throw badRequest("INVALID_INPUT", `${field} has exactly one of position and time.`);
  }
  return isTime ? positionAt(context, time, field) : checkPosition(context, position ?? "", field);
}

async function checkPosition(context: ApiContext, cursor: string, field: string): Promise<Position> {
  const position = await readCursor(context, cursor, `${field}.position`);
  const head = await context.api.deps.journal.events.head();
  const first = await firstOf(context);
  if (position < first.position || position > head) {
    const [lowest, highest] = await Promise.all([first.position, head].map(context.api.cursors.format));
    const where = position > head ? "beyond the log's head" : "before the log's first event";
    throw badRequest("AS_OF_OUT_OF_RANGE", `${field}.position lies ${where}; allowed is ${lowest} to ${highest}.`);
  }
  await waitForHistories(context, position);
  return position;
}

async function positionAt(context: ApiContext, time: number, field: string): Promise<Position> {
  const { deps } = context.api;
  const now = deps.clock.now();
  const first = await firstOf(context);
  if (time < first.at || time > now) {
    const [lowest, highest] = [first.at, now].map((at) => new Date(at).toISOString());
    const where = time > now ? "in the future" : "before the log's first event";
    throw badRequest("AS_OF_OUT_OF_RANGE", `${field}.time lies ${where}; allowed is ${lowest} to ${highest}.`);
  }
  await waitForHistories(context, await deps.journal.events.head());
  const [row] = await deps.rows.selectAsync(auditTrail, "entries", {
    and: [["at", "<=", time]],
    orderBy: ["at"],
    descending: true,
    limit: 1,
  });
  return (row?.position ?? first.position) as Position;
}

/** The oldest administrative event: the log's own creation. */
async function firstOf({ api }: ApiContext): Promise<{ readonly position: Position; readonly at: number }> {
  for await (const event of api.deps.journal.events.readAll({ limit: 1 })) {
    return { position: event.position, at: event.occurredAt };
  }
  return { position: startOfLog, at: 0 };
}

async function waitForHistories({ api }: ApiContext, position: Position): Promise<void> {
  if (await api.deps.rows.waitFor(position, { projections: histories, timeoutMs: waitMs })) return;
  throw badRequest("PROJECTION_LAGGING", "The views had not passed that position within 5 s. Try again.");
}
