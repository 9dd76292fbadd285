import type { LoggedEvent } from "./double-log.ts";
import type { Node } from "./kurrent-double.ts";
import { streams } from "./protocol.ts";
import { eventResponse, type ReadCall, type ReadOptions, type ReadResp, write } from "./read-service.ts";

/**
 * A subscription to $all: catch-up, `caughtUp`, then live. With a filter, a checkpoint comes after every
 * window x multiplier considered events, as on the server.
 */
export async function serveSubscription(node: Node, call: ReadCall, options: ReadOptions): Promise<void> {
  const matches = matcherOf(options);
  const checkpointEvery = checkpointIntervalOf(options);
  let next = startIndex(node, options);
  let considered = 0;
  await write(call, confirmation());
  let caughtUp = false;
  while (!call.cancelled && !call.destroyed) {
    const event = node.log.all[next];
    if (event === undefined || node.faults.readsStall) {
      if (!caughtUp && !node.faults.readsStall) {
        caughtUp = true;
        await write(call, caughtUpResponse());
        continue;
      }
      await wakeUp(node, call);
      continue;
    }
    next += 1;
    considered += 1;
    if (matches(event)) await write(call, eventResponse(event));
    if (checkpointEvery !== undefined && considered % checkpointEvery === 0) await write(call, checkpoint(event));
  }
}

function startIndex(node: Node, options: ReadOptions): number {
  const place = options.getAll();
  if (!place || place.hasStart()) return 0;
  if (place.hasEnd()) return node.log.all.length;
  // A subscription starts after the given position, unlike a read.
  return node.log.indexOf(BigInt(place.getPosition()?.getCommitPosition() ?? "0") + 1n);
}

function checkpointIntervalOf(options: ReadOptions): number | undefined {
  const filter = options.getFilter();
  if (!filter) return undefined;
  const window = filter.hasMax() ? filter.getMax() : 32;
  return window * filter.getCheckpointintervalmultiplier();
}

function matcherOf(options: ReadOptions): (event: LoggedEvent) => boolean {
  const filter = options.getFilter();
  if (!filter) return () => true;
  const byStream = filter.getStreamIdentifier();
  const expression = byStream ?? filter.getEventType();
  const prefixes = expression?.getPrefixList() ?? [];
  const regex = expression?.getRegex() ? new RegExp(expression.getRegex()) : undefined;
  return (event) => {
    const text = byStream ? event.stream : event.type;
    return regex ? regex.test(text) : prefixes.some((prefix) => text.startsWith(prefix));
  };
}

/** Resolves on the next append, on cancellation, or after a short while (a lifted stall has no event). */
async function wakeUp(node: Node, call: ReadCall): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop();
      call.off("cancelled", done).off("close", done);
      resolve();
    };
    const stop = node.log.onAppend(done);
    const timer = setTimeout(done, 50);
    call.on("cancelled", done).on("close", done);
  });
}

function confirmation(): ReadResp {
  const message = new streams.ReadResp.SubscriptionConfirmation();
  message.setSubscriptionId(crypto.randomUUID());
  const response = new streams.ReadResp();
  response.setConfirmation(message);
  return response;
}

function caughtUpResponse(): ReadResp {
  const response = new streams.ReadResp();
  response.setCaughtUp(new streams.ReadResp.CaughtUp());
  return response;
}

function checkpoint(event: LoggedEvent): ReadResp {
  const message = new streams.ReadResp.Checkpoint();
  message.setCommitPosition(event.position.toString());
  message.setPreparePosition(event.position.toString());
  const response = new streams.ReadResp();
  response.setCheckpoint(message);
  return response;
}
