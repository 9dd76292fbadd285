import type { OutboundDeps } from "@mailfold/app-outbound";
import { newId } from "@mailfold/ids";
import { dueMessages, outboundQueue } from "@mailfold/projection-outbound-queue";
import type { ReadStore } from "@mailfold/read-store";

/** The gauge stops counting here: beyond it the queue is simply long. */
const countMax = 1_000;

/** The queue view as the delivery workers ask it. */
export function createOutboundQueue(
  rows: ReadStore,
): Pick<OutboundDeps, "dueMessages" | "waitingCount" | "newMessageId"> {
  return {
    newMessageId: () => newId("message"),
    dueMessages: (now, limit) => dueMessages(rows, now, Math.min(limit, countMax)).map((message) => message.messageId),
    waitingCount: () =>
      rows.select(outboundQueue, "messages", { and: [["status", "!=", "finished"]], limit: countMax }).length,
  };
}
