import type { RspamdClient } from "@mailfold/scanners";
import type { Metrics } from "@mailfold/telemetry";

/** Passes marks on to rspamd, as far as it keeps up. */
export interface RspamdTeacher {
  /** Never waits: a message for which there is no room is counted and left out. */
  teach(message: Uint8Array, as: "spam" | "ham"): void;
  /** Waits for what is under way, but not for a controller that hangs: the platform has no time for it. */
  close(): Promise<void>;
}

/** Messages under way at once; each is in memory whole. */
const underWayMax = 8;
const closeWithinMs = 2_000;

/** `client` of libs/scanners has deadlines of its own. */
export function createRspamdTeacher(
  client: Pick<RspamdClient, "learn">,
  metrics: Pick<Metrics, "rspamdLearned">,
): RspamdTeacher {
  const underWay = new Set<Promise<void>>();
  return {
    teach(message, kind) {
      if (underWay.size >= underWayMax) {
        metrics.rspamdLearned.inc({ kind, outcome: "dropped" });
        return;
      }
      const learning = client.learn(message, kind).then(({ status }) => {
        metrics.rspamdLearned.inc({ kind, outcome: status });
        underWay.delete(learning);
      });
      underWay.add(learning);
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, closeWithinMs);
      });
      await Promise.race([Promise.all(underWay), late]);
      clearTimeout(timer);
    },
  };
}
