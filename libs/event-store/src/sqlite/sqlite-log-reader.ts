import { resolve } from "node:path";
import type { EventCodec, LifeClass } from "@mailfold/events";
import type { Position, RecordedEvent } from "@mailfold/kernel";
import type { LogPage, PagedLog } from "../catch-up.ts";
import { subscribeToLog } from "../catch-up.ts";
import type { EventFilter, EventStore, ReadAllOptions, ReadStreamOptions, SubscribeOptions } from "../port.ts";
import { LogChannel } from "./log-channel.ts";
import { LogReader } from "./log-reader.ts";
import { fromPosition } from "./log-schema.ts";
import { readLogPaged, readStreamPaged } from "./paged-reads.ts";
import { logChannelName } from "./writer-loop.ts";

/** The reading half of the log, for any thread or process beside the one that writes. */
export interface SqliteLogReader
  extends Pick<EventStore, "readStream" | "readAll" | "subscribe" | "head" | "floor" | "epoch" | "distance" | "close"> {
  /** One page, synchronously: the fastest way through the log (replay). At most 2,000 events. */
  readPage(after: Position, options?: { readonly filter?: EventFilter; readonly limit?: number }): LogPage;
}

const pageEventsMax = 2_000;

/**
 * Opens a log that another thread writes. Commits wake its subscriptions within milliseconds.
 * @throws EventStoreFault corrupt | unavailable
 */
export function openSqliteLogReader(path: string, codec: EventCodec): SqliteLogReader {
  const reader = new LogReader(path, codec);
  const channel = new LogChannel(logChannelName(resolve(path)), () => reader.head());
  const log: PagedLog = {
    readPage: (after, options) => reader.pageForwards(after, options),
    waitBeyond: (position, signal) => channel.waitBeyond(position, signal),
    get closed() {
      return channel.closed;
    },
  };
  return {
    readPage: (after, options = {}) =>
      reader.pageForwards(after, {
        filter: options.filter,
        limit: Math.max(1, Math.min(options.limit ?? 500, pageEventsMax)),
      }),
    readAll: (options?: ReadAllOptions): AsyncIterable<RecordedEvent> => readLogPaged(reader, options),
    readStream: (stream: string, options?: ReadStreamOptions) => readStreamPaged(reader, stream, options),
    subscribe: (options?: SubscribeOptions) => subscribeToLog(log, options),
    head: async () => reader.head(),
    epoch: async () => reader.epoch(),
    floor: async (lifeClass: LifeClass) => reader.floor(lifeClass),
    distance: (from, to) => Math.max(0, fromPosition(to) - fromPosition(from)),
    close: async () => {
      channel.close();
      reader.close();
    },
  };
}
