import type { Position } from "@mailfold/kernel";
import type { ReadStore } from "@mailfold/read-store";
import { decidingViews } from "./views.ts";

/** Whether the views that decide over mail and logins can be asked. */
export interface DecidingViews {
  /** True once they hold all that was in the log at start, and while none is parked or stopped. */
  ready(): boolean;
  close(): void;
}

const lookAgainMs = 60_000;
/** How long it may go unnoticed that a view parked. */
const parkedKnownMs = 100;

/** Watches the deciding views until they have passed `head`. One that parks on the way is waited for: a rebuild mends it. */
export function watchDecidingViews(rows: Pick<ReadStore, "status" | "waitFor">, head: Position): DecidingViews {
  let caughtUp = false;
  let closed = false;
  const watch = async (): Promise<void> => {
    while (!closed && !caughtUp) {
      caughtUp = await rows.waitFor(head, { projections: decidingViews, timeoutMs: lookAgainMs });
    }
  };
  void watch();
  const halted = remembered(parkedKnownMs, () =>
    rows
      .status()
      .some((view) => decidingViews.includes(view.name) && view.state !== "running" && view.state !== "rebuilding"),
  );
  return {
    ready: () => caughtUp && !halted(),
    close() {
      closed = true;
    },
  };
}

/** The answer of `ask`, asked again once it is older than `forMs`: for what every SMTP command wants to know. */
function remembered<Value>(forMs: number, ask: () => Value): () => Value {
  let askedAt = Number.NEGATIVE_INFINITY;
  let value: Value | undefined;
  return () => {
    const now = performance.now();
    if (value === undefined || now - askedAt >= forMs) {
      value = ask();
      askedAt = now;
    }
    return value;
  };
}
