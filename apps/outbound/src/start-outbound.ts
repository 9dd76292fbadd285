import type { MessageId } from "@mailfold/kernel";
import { createAddressGuard } from "./address-guard.ts";
import { createByteRoom } from "./byte-room.ts";
import type { DeliveryContext } from "./deliver-message.ts";
import { createDestinationSlots } from "./destination-slots.ts";
import type { OutboundConfig, OutboundDeps } from "./ports.ts";
import { createUnreachableDestinations } from "./unreachable-destinations.ts";
import { workMessage } from "./work-message.ts";

export interface Outbound {
  /** Looks for due messages now instead of at the next poll. */
  kick(): void;
  /** Stops taking messages and waits for attempts under way, at most `graceMs`. What is cut off is tried again after the next start. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Messages taken up at once. Many more than connections: those that wait for a slow destination must not keep others from
 * being looked at. A waiting one holds its events, not its body.
 */
const openMax = 1_000;

/** A message whose work failed inside (store unavailable) rests this long before it is looked at again. */
const faultRestMs = 5_000;

/** Starts the delivery workers: due messages come from the queue view, the truth about each from its own stream. */
export function startOutbound(deps: OutboundDeps, config: OutboundConfig): Outbound {
  const guard = createAddressGuard({ allowPrivate: config.allowPrivate, ownAddresses: config.ownAddresses });
  const context: DeliveryContext = {
    deps,
    config,
    guard,
    slots: createDestinationSlots({ perDestination: config.perDestination, total: config.concurrency }),
    room: createByteRoom(config.contentBytesMax),
    unreachable: createUnreachableDestinations(),
    isStopped: () => closed,
  };
  const working = new Map<MessageId, Promise<void>>();
  const resting = new Map<MessageId, number>();
  let closed = false;

  function poll(): void {
    const room = openMax - working.size;
    if (closed || room <= 0 || !deps.ready()) return;
    const now = deps.clock.now();
    for (const [id, until] of resting) if (until <= now) resting.delete(id);
    // Those under way or resting may still be due in the view, and are skipped.
    const due = deps.dueMessages(now, config.concurrency + working.size + resting.size);
    for (const id of due.filter((each) => !working.has(each) && !resting.has(each)).slice(0, room)) begin(id);
  }

  function begin(id: MessageId): void {
    const work = workMessage(context, id)
      .then(
        // The queue view may still say "due" for a moment: rest briefly so that it is not picked up twice.
        () => resting.set(id, deps.clock.now() + Math.min(config.pollMs, 1_000)),
        (error: unknown) => {
          resting.set(id, deps.clock.now() + faultRestMs);
          deps.log.error({ err: error, messageId: id }, "outbound message could not be worked on");
        },
      )
      .then(() => {
        working.delete(id);
        topUp();
      });
    working.set(id, work);
  }

  /** With more taken up than there are connections the next regular look is soon enough: each look costs a select. */
  function topUp(): void {
    if (working.size < config.concurrency) poll();
  }

  const timer = setInterval(() => {
    deps.metrics.outboundQueue.set(deps.waitingCount());
    poll();
  }, config.pollMs);
  timer.unref();
  poll();
  return {
    kick: topUp,
    async close(graceMs = 5_000) {
      closed = true;
      clearInterval(timer);
      const { promise: grace, resolve } = Promise.withResolvers<void>();
      const timeout = setTimeout(resolve, graceMs);
      await Promise.race([Promise.allSettled(working.values()), grace]);
      clearTimeout(timeout);
    },
  };
}
