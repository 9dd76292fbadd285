import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MessageId } from "@mailfold/kernel";
import type { OutboundConfig } from "./ports.ts";
import { finishedOf, remoteHost, workUntil } from "./remote-host-test-world.ts";

describe("memory of messages under way", () => {
  const { received, world } = remoteHost();
  const mx = Object.fromEntries(
    ["a.test", "b.test", "c.test", "d.test"].map((name) => [name, [{ exchange: "mx.far.test", priority: 10 }]]),
  );

  /** Sends messages to four destinations each; answers how many different bodies were being read or sent at most. */
  async function mostAtOnce(config: Partial<OutboundConfig>): Promise<number> {
    const house = world({ mx });
    Object.assign(house.config, config);
    const { bodies } = house.deps.journal;
    const read = bodies.read.bind(bodies);
    const isReading = new Map<string, number>();
    let most = 0;
    Object.assign(bodies, {
      read: async (ref: Parameters<typeof read>[0]) => {
        isReading.set(ref.sha256, (isReading.get(ref.sha256) ?? 0) + 1);
        most = Math.max(most, isReading.size);
        await new Promise((resolve) => setTimeout(resolve, 20));
        isReading.delete(ref.sha256);
        return read(ref);
      },
    });
    const ids: MessageId[] = [];
    for (let made = 0; made < 4; made += 1)
      ids.push(await house.queue({ recipients: Object.keys(mx).map((name) => `x@${name}`) }));
    await workUntil(house, () => ids.every((id) => finishedOf(house, id) !== undefined));
    assert.ok(ids.every((id) => finishedOf(house, id)?.delivered === 4));
    return most;
  }

  test("with room for one message they go one at a time, and none waits for ever", async () => {
    assert.equal(await mostAtOnce({ contentBytesMax: 10, concurrency: 6, perDestination: 3 }), 1);
    assert.equal(received.length, 16);
  });

  test("with room for all they go together", async () => {
    assert.ok((await mostAtOnce({})) > 1);
  });
});
