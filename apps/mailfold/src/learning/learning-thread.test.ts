import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { LearnableMark } from "@mailfold/classifier";
import type { MailboxId } from "@mailfold/kernel";
import { messageOf, tenantId } from "./learning-test-world.ts";
import { createLearningThread, LearningFault, LearningOverBudget } from "./learning-thread.ts";

const dir = mkdtempSync(join(tmpdir(), "mailfold-thread-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const mark = (position: string): LearnableMark => ({
  tenantId,
  mailboxId: "mbx_1" as MailboxId,
  messageKey: position,
  kind: "spam",
  position,
  day: 20_000,
});

test("a message that takes too long costs the thread, and nothing that was learned before", async () => {
  const thread = createLearningThread({ path: join(dir, "classifier.db"), epoch: "e", tokensMax: 1_000 });
  try {
    await assert.rejects(thread.ask({ call: "pass", position: "1" }, 1_000), LearningFault, "nothing is open yet");
    assert.deepEqual(await thread.ask({ call: "open", fresh: false }, 10_000), { checkpoint: "" });
    assert.equal(await thread.ask({ call: "learn", mark: mark("1"), bytes: messageOf("spam", 1) }, 10_000), "trained");
    const hostile = Buffer.from(`Subject: x\r\n\r\n${"word ".repeat(800_000)}`);
    await assert.rejects(thread.ask({ call: "learn", mark: mark("2"), bytes: hostile }, 1), LearningOverBudget);
    await assert.rejects(thread.ask({ call: "pass", position: "3" }, 1_000), LearningFault, "the thread has ended");
    assert.deepEqual(await thread.ask({ call: "open", fresh: false }, 10_000), { checkpoint: "1" });
    assert.equal(await thread.ask({ call: "learn", mark: mark("2") }, 10_000), "skipped");
    assert.deepEqual(await thread.ask({ call: "open", fresh: false }, 10_000), { checkpoint: "2" });
  } finally {
    await thread.end();
  }
});
