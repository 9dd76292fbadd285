import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openTokenReader, tokenize } from "@mailfold/classifier";
import type { TenantId } from "@mailfold/kernel";
import { readMessageText } from "@mailfold/mime";
import type { ClassifierFact } from "@mailfold/policy";
import { startLearning } from "./learn-from-marks.ts";
import { LearningWorld, messageOf, tenantId } from "./learning-test-world.ts";
import { createRspamdTeacher } from "./teach-rspamd.ts";
import { createTenantClassifier } from "./tenant-classifier.ts";

describe("learning from marks", () => {
  let world: LearningWorld;
  beforeEach(() => {
    world = new LearningWorld();
  });
  afterEach(() => world.remove());

  const counts = (of: TenantId = tenantId) => {
    const reader = openTokenReader(world.path);
    const { messages } = reader.read(of, []);
    reader.close();
    return messages;
  };
  /** Runs the learner until so many marks are worked off in all. */
  const learn = async (count: number, deps = world.deps()) => {
    const learning = startLearning(deps);
    try {
      await world.worked(count);
    } finally {
      await learning.close();
    }
  };

  test("25 and 25 marked messages teach it to tell the 51st", async () => {
    for (let n = 0; n < 25; n += 1) {
      world.mark(`s${n}`, "spam", messageOf("spam", n));
      world.mark(`h${n}`, "notSpam", messageOf("ham", n));
    }
    const classifier = createTenantClassifier(world.path, (error) => assert.fail(String(error)));
    await learn(50);
    const judge = (bytes: Uint8Array, tenant: string = tenantId): ClassifierFact =>
      classifier.classify(tenant as never, tokenize(readMessageText(bytes)));
    try {
      const spam = judge(messageOf("spam", 99));
      assert.equal(spam.verdict, "spam");
      assert.equal(spam.tokens.length, 5);
      assert.equal(judge(messageOf("ham", 99)).verdict, "ham");
      assert.equal(judge(messageOf("spam", 99), "ten_2").verdict, "untrained", "each tenant has its own");
    } finally {
      classifier.close();
    }
  });

  test("the last mark of a message counts; a restart goes on where it was", async () => {
    world.mark("m1", "spam", messageOf("spam", 1));
    world.mark("m1", "spam", messageOf("spam", 1));
    await learn(2);
    world.mark("m1", "notSpam", messageOf("spam", 1));
    world.mark("m2", "spam", messageOf("spam", 2));
    await learn(4);
    assert.deepEqual(Object.fromEntries(world.counted), {
      "spam trained": 2,
      "spam known": 1,
      "ham changed": 1,
    });
    assert.deepEqual(counts(), { spam: 1, ham: 1 });
    assert.equal(world.lagSeconds, 0);
    assert.equal(world.rebuilt, 0);
  });

  test("a body that is gone is passed over and counted, as is one that cannot be read after some tries", async () => {
    world.mark("m1", "spam", messageOf("spam", 1));
    world.bodies.clear();
    await learn(1);
    world.mark("m2", "spam", messageOf("spam", 2));
    world.bodyFault = new Error("no answer");
    await learn(2);
    assert.deepEqual(Object.fromEntries(world.counted), { "spam missing": 2 });
    assert.equal(world.warnings.length, 11);
  });

  test("what was learned from an erased tenant's mail is forgotten, another's stays", async () => {
    world.mark("m1", "spam", messageOf("spam", 1));
    const metadata = { tenantId: "ten_2" as TenantId, actor: { type: "mailbox", id: "mbx_2" } } as const;
    world.mark("m2", "spam", messageOf("spam", 2), { metadata });
    const learning = startLearning({ ...world.deps(), expireEveryMs: 20 });
    try {
      await world.worked(2);
      assert.equal(counts().spam, 1);
      world.erased.add(tenantId);
      for (let n = 0; n < 500 && counts().spam > 0; n += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      await learning.close();
    }
    assert.deepEqual([counts().spam, counts("ten_2" as TenantId).spam], [0, 1]);
  });

  test("events that are no mark, or of nobody, are passed", async () => {
    world.mark("m1", "spam", messageOf("spam", 1), { metadata: { actor: { type: "system", id: "x" } } });
    world.mark("m2", "spam", messageOf("spam", 2), { type: "MessagePraised" });
    world.mark("m3", "spam", messageOf("spam", 3));
    await learn(1);
    assert.deepEqual(counts(), { spam: 1, ham: 0 });
  });

  test("a corrupt file, and one of another log, is learned anew from the log", async () => {
    world.mark("m1", "spam", messageOf("spam", 1));
    writeFileSync(world.path, "not a database".repeat(1_000));
    await learn(1);
    assert.equal(world.rebuilt, 1);
    world.epoch = "epoch-2";
    await learn(2);
    assert.equal(world.rebuilt, 2);
    assert.deepEqual(counts(), { spam: 1, ham: 0 });
  });

  test("a classifier whose file is missing, then broken, then there answers as well as it can", () => {
    const faults: unknown[] = [];
    const classifier = createTenantClassifier(world.path, (error) => faults.push(error));
    const untrained = { verdict: "untrained", probability: 0.5, tokens: [] };
    assert.deepEqual(classifier.classify(tenantId, ["b:x"]), untrained);
    assert.deepEqual(classifier.classify(tenantId, ["b:x"]), untrained);
    assert.equal(faults.length, 1, "not looked at again at once");
    writeFileSync(world.path, "not a database".repeat(1_000));
    classifier.reopen();
    assert.deepEqual(classifier.classify(tenantId, ["b:x"]), untrained);
    assert.equal(faults.length, 2);
    classifier.close();
  });

  test("rspamd is taught what is new, whole and recent, as far as it keeps up", async () => {
    const taught: string[] = [];
    const outcomes: string[] = [];
    const inc = ({ outcome }: { outcome: string }) => void outcomes.push(outcome);
    const rspamd = createRspamdTeacher(
      {
        learn: async (message, as) => {
          taught.push(`${as} ${message.length}`);
          return { status: "learned" };
        },
      },
      { rspamdLearned: { inc } } as never,
    );
    world.mark("m1", "spam", messageOf("spam", 1));
    world.mark("m1", "spam", messageOf("spam", 1));
    world.mark("m2", "notSpam", Buffer.alloc(5_000_000, "x"));
    world.mark("m3", "spam", messageOf("spam", 3), { occurredAt: Date.now() - 2 * 86_400_000 });
    world.mark("m1", "notSpam", messageOf("spam", 1));
    await learn(5, { ...world.deps(), rspamd });
    const size = messageOf("spam", 1).length;
    assert.deepEqual(taught, [`spam ${size}`, `ham ${size}`]);
    assert.deepEqual(outcomes, ["learned", "learned"]);

    const stalled = createRspamdTeacher({ learn: () => new Promise(() => {}) }, { rspamdLearned: { inc } } as never);
    for (let n = 0; n < 10; n += 1) stalled.teach(messageOf("spam", n), "spam");
    assert.deepEqual(outcomes.slice(2), ["dropped", "dropped"]);
  });
});
