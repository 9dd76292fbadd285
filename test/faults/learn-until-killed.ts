import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { startLearner } from "../../apps/mailfold/src/reputation/follow-log.ts";
import { createListingRecorder } from "../../apps/mailfold/src/reputation/listing-recorder.ts";
import type { LearnersLog } from "../../apps/mailfold/src/reputation/open-fold.ts";
import { openSealer, testCodec } from "../../apps/mailfold/src/reputation/reputation-test-world.ts";
import { openSqliteEventStore } from "../../libs/event-store/src/sqlite/sqlite-event-store.ts";

// A process that learns a log to its end, says `done`, and is killed before that: `node learn-until-killed.ts DIR NOW`.
const [dir = "", now = "0"] = process.argv.slice(2);
const eventsAtOnce = 10;
const clock = { now: () => Number(now) };
const events = await openSqliteEventStore({
  path: join(dir, "log.db"),
  codec: testCodec,
  clock,
  onFatal: (error) => {
    throw error;
  },
});
process.stdout.write("started\n");
let idle = 0;
/** The log, handed out slowly: so that there is time to be killed in. */
const log: LearnersLog = {
  epoch: () => events.epoch(),
  readAll: (query) => events.readAll(query),
  readStream: (stream, query) => events.readStream(stream, query),
  async *subscribe(query) {
    let handedOut = 0;
    for await (const message of events.subscribe(query)) {
      if (++handedOut % eventsAtOnce === 0) await setTimeout(1);
      yield message;
    }
  },
};
const learner = startLearner({
  log,
  recorder: createListingRecorder({ events, sealer: openSealer, clock }),
  clock,
  path: join(dir, "reputation.db"),
  saveEvents: 100,
  saveShareMax: 1,
  tickEveryMs: 5,
  // Some ticks long nothing may wait: what a tick ended was recorded, and learned.
  report: ({ lagSeconds, learnedUntil }) => {
    idle = lagSeconds === 0 && learnedUntil === clock.now() ? idle + 1 : 0;
    if (idle === 10) void end();
  },
  warn: (text, error) => process.stderr.write(`${text} ${error instanceof Error ? error.stack : ""}\n`),
});

async function end(): Promise<void> {
  await learner.close();
  await events.close();
  process.stdout.write("done\n");
}
