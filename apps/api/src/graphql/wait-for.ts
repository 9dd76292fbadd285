import type { Position } from "@mailfold/kernel";
import type { ApiContext } from "./api-context.ts";
import { badRequest } from "./api-error.ts";

const waitMs = 5_000;

/** Reads a client's cursor; another log's or a malformed one is a BAD_REQUEST. */
export async function readCursor(context: ApiContext, cursor: string, field: string): Promise<Position> {
  const parsed = await context.api.cursors.parse(cursor);
  if (parsed.ok) return parsed.position;
  if (parsed.cause === "other-log") {
    throw badRequest("CURSOR_OTHER_LOG", `${field} belongs to another history of the log: it was restored since.`);
  }
  throw badRequest("POSITION_INVALID", `${field} is not a position of this log.`);
}

/** Waits until the named views show a write; without names, directory and policy. */
export async function waitForPosition(
  context: ApiContext,
  cursor: string | null | undefined,
  projections?: readonly string[],
): Promise<void> {
  if (cursor === null || cursor === undefined) return;
  const position = await readCursor(context, cursor, "waitFor");
  const { rows, waitForViews } = context.api.deps;
  const shown =
    projections === undefined
      ? await waitForViews(position, waitMs)
      : await rows.waitFor(position, { projections, timeoutMs: waitMs });
  if (!shown) throw badRequest("PROJECTION_LAGGING", "The view had not passed that position within 5 s. Try again.");
}
