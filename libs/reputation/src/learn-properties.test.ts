import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Evidence } from "./evidence.ts";
import { dayMs, earlierMail, learnDaily, randomEvidence, sparseEvidence } from "./evidence-test-world.ts";
import type { ReputationInput } from "./learn.ts";
import { defaultLearning, learningLimits } from "./learning-settings.ts";
import { type Ledger, newReputation, type Reputation } from "./ledger.ts";
import type { ListingDecision } from "./listing.ts";
import { type SenderRecord, sampleAt } from "./sender-record.ts";
import { standingOf } from "./sender-standing.ts";
import { restoreReputation, type SnapshotPart, snapshotParts } from "./snapshot.ts";
import { shareExceeds } from "./spam-share.ts";
import { subjectOf } from "./subjects.ts";
import { foldItems } from "./sums.ts";
import { mailUnits, pointUnits, tallyAt } from "./tally.ts";

const witnesses = newReputation();
for (const mail of earlierMail) learnDaily(witnesses, mail);
/** A fold in which six tenants have volume already. */
const newFold = (forgets = true): Reputation => ({ ...structuredClone(witnesses), forgets });
const fold = (inputs: readonly ReputationInput[], reputation: Reputation = newFold()): ListingDecision[] =>
  inputs.flatMap((input) => learnDaily(reputation, input).decisions);
/** A snapshot as it comes back from the log. */
const stored = (reputation: Reputation): SnapshotPart[] =>
  [...snapshotParts(reputation)].map((part) => JSON.parse(JSON.stringify(part)) as SnapshotPart);
const records = (reputation: Reputation): readonly (readonly [Ledger, string, SenderRecord])[] =>
  [...reputation.ledgers.values()].flatMap((ledger) =>
    [...ledger.records].map(([key, record]) => [ledger, key, record] as const),
  );
/** Settings, a pardon and its end among the evidence. */
const story = fc
  .tuple(randomEvidence(), fc.array(fc.nat(), { minLength: 3, maxLength: 3 }))
  .map(([evidence, places]) => {
    const inputs: ReputationInput[] = [...evidence];
    const put = (place: number, make: (at: number) => ReputationInput): void => {
      const index = 1 + (place % inputs.length);
      inputs.splice(index, 0, make(inputs[index - 1]?.at ?? 0));
    };
    const subject = { kind: "ip", value: "192.0.2.1" } as const;
    const [one = 0, other = 0, third = 0] = places;
    const scope = evidence[0]!.tenant.tenantId;
    const settings = { ...defaultLearning, halfLifeMs: 3 * dayMs, minSpamShare: 0.3 };
    put(one, (at) => ({ kind: "settingsChanged", at, scope, settings }));
    put(other, (at) => ({
      kind: "pardonGranted",
      id: "p",
      at,
      scope: "platform",
      subject,
      untilAt: at + 10 * dayMs,
      voidedEvidence: evidence.filter((_item, index) => index % 5 === 0).map(({ id }) => id),
    }));
    put(third, (at) => ({ kind: "pardonLifted", id: "l", at, scope: "platform", subject, pardonId: "p" }));
    return inputs;
  });

describe("replays", () => {
  test("two are equal bit for bit, decisions and state", () => {
    fc.assert(
      fc.property(story, (inputs) => {
        const [one, other] = [newFold(), newFold()];
        assert.equal(JSON.stringify(fold(inputs, one)), JSON.stringify(fold(structuredClone(inputs), other)));
        assert.equal(JSON.stringify(stored(one)), JSON.stringify(stored(other)));
      }),
      { numRuns: 25 },
    );
  });

  test("one from a checkpoint equals one from the beginning", () => {
    fc.assert(
      fc.property(story, fc.double({ min: 0, max: 1, noNaN: true }), (inputs, part) => {
        const cut = Math.floor(inputs.length * part);
        const whole = newFold();
        const decisions = fold(inputs, whole);
        const first = newFold();
        const before = fold(inputs.slice(0, cut), first);
        const second = restoreReputation(stored(first));
        const after = fold(inputs.slice(cut), second);
        assert.deepEqual([...before, ...after], decisions);
        assert.deepEqual(stored(second), stored(whole));
      }),
      { numRuns: 25 },
    );
  });

  test("no two decisions have one key, so none is written twice", () => {
    fc.assert(
      fc.property(story, (inputs) => {
        const keys = fold(inputs).map(({ key }) => key);
        assert.equal(new Set(keys).size, keys.length);
      }),
      { numRuns: 25 },
    );
  });

  test("a snapshot that lacks a part, or is of another version, is refused", () => {
    const reputation = newFold();
    fold(fc.sample(randomEvidence(), { numRuns: 1, seed: 1 })[0]!, reputation);
    const parts = stored(reputation);
    assert.throws(() => restoreReputation(parts.slice(0, -1)), /parts/);
    assert.throws(() => restoreReputation(parts.slice(1)), /begins with its head/);
    assert.throws(() => restoreReputation([]), /0 parts/);
    assert.throws(() => restoreReputation([{ ...parts[0], version: 99 } as SnapshotPart]), /version 99/);
  });
});

describe("scores", () => {
  test("stay between nothing and the cap, and equal the sum of the evidence shown, decayed", () => {
    fc.assert(
      fc.property(randomEvidence(), (inputs) => {
        const reputation = newFold();
        fold(inputs, reputation);
        for (const [ledger, key, record] of records(reputation)) {
          const standing = standingOf(reputation, ledger.scope, subjectOf(key))!;
          assert.ok(standing.score >= 0 && standing.score <= 40);
          assert.deepEqual(record.sums, foldItems(record.base, record.items));
          if (standing.nameless > 0) continue;
          const week = defaultLearning.halfLifeMs;
          let [score, at] = [0, 0];
          for (const item of standing.evidence.filter(({ counts }) => counts)) {
            score = Math.min(40, Math.max(0, score * 2 ** -((item.at - at) / week) + item.points));
            at = item.at;
          }
          assert.ok(Math.abs(standing.score - score * 2 ** -((reputation.now - at) / week)) < 1e-6, key);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("no reporter has more than 2 points, no tenant more than 3 at the platform, in any half-life", () => {
    fc.assert(
      fc.property(randomEvidence({ stepsMax: 150 }), (inputs) => {
        const reputation = newFold(false);
        fold(inputs, reputation);
        for (const [{ scope }, , { items }] of records(reputation)) {
          for (const last of items) {
            const window = items.filter(({ at }) => at <= last.at && at > last.at - last.halfLifeMs);
            const spent = (isSame: (item: (typeof items)[number]) => boolean): number =>
              window
                .filter((item) => item.units > 0 === last.units > 0 && isSame(item))
                .reduce((sum, item) => sum + Math.abs(item.units), 0);
            if (last.reporter)
              assert.ok(spent(({ reporter }) => reporter === last.reporter) <= learningLimits.reporterUnits);
            if (scope === "platform")
              assert.ok(spent(({ tenantId }) => tenantId === last.tenantId) <= learningLimits.tenantUnits);
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("pardon", () => {
  const named = (inputs: readonly Evidence[], picks: readonly number[]): ReadonlySet<string> =>
    new Set(picks.map((pick) => inputs[pick % inputs.length]?.id ?? ""));

  test("where no cap binds, voiding evidence leaves what would be there had it never come", () => {
    const picks = fc.array(fc.nat(), { maxLength: 12 });
    fc.assert(
      fc.property(randomEvidence({ uncapped: true, stepsMax: 40 }), picks, (inputs, chosen) => {
        const gone = named(inputs, chosen);
        const scope = "ten_0" as Evidence["tenant"]["tenantId"];
        const mine = inputs.filter(({ tenant }) => tenant.tenantId === scope);
        fc.pre(mine.length > 0);
        const [whole, without] = [newFold(false), newFold(false)];
        fold(mine, whole);
        fold(
          mine.filter(({ id, kind }) => kind === "accepted" || !gone.has(id)),
          without,
        );
        const at = mine.at(-1)!.at;
        const subject = { kind: "ip", value: "198.51.100.9" } as const;
        fold([{ kind: "pardonGranted", id: "p", at, scope, subject, untilAt: 0, voidedEvidence: [...gone] }], whole);
        const sums = (reputation: Reputation) =>
          new Map(
            records(reputation)
              .filter(([ledger, , record]) => ledger.scope === scope && record.items.some((item) => !gone.has(item.id)))
              .map(([, key, record]) => [key, record.sums]),
          );
        assert.deepEqual(sums(whole), sums(without));
      }),
      { numRuns: 60 },
    );
  });

  test("takes the named evidence and changes the weight of no other; lifting it gives back all", () => {
    fc.assert(
      fc.property(randomEvidence(), fc.array(fc.nat(), { maxLength: 30 }), (inputs, chosen) => {
        const gone = named(inputs, chosen);
        const reputation = newFold();
        fold(inputs, reputation);
        const subject = { kind: "ip", value: "198.51.100.9" } as const;
        const base = { at: reputation.now, scope: "platform", subject } as const;
        const before = structuredClone(reputation);
        fold([{ kind: "pardonGranted", id: "p", ...base, untilAt: 0, voidedEvidence: [...gone] }], reputation);
        for (const [ledger, key, { items }] of records(reputation)) {
          const old = before.ledgers.get(ledger.scope)?.records.get(key)?.items ?? [];
          assert.deepEqual(
            items.map(({ id, units }) => [id, units]),
            old.map(({ id, units }) => [id, units]),
          );
          for (const item of items)
            assert.equal(item.voidedBy !== undefined, ledger.scope === "platform" && gone.has(item.id));
        }
        fold([{ kind: "pardonLifted", id: "l", ...base, pardonId: "p" }], reputation);
        for (const [ledger, key, { sums, items }] of records(reputation)) {
          const old = before.ledgers.get(ledger.scope)?.records.get(key);
          assert.deepEqual([sums, items], [old?.sums, old?.items]);
        }
      }),
      { numRuns: 25 },
    );
  });
});

test("what a list, a listing or a shadow caused changes nothing, wherever it comes", () => {
  fc.assert(
    fc.property(
      randomEvidence(),
      fc.constantFrom("list" as const, "listing" as const, "shadow" as const),
      (inputs, causedBy) => {
        const caused = inputs.flatMap((input) => [input, { ...input, id: `${input.id}x`, causedBy }]);
        const [one, other] = [newFold(), newFold()];
        assert.deepEqual(fold(caused, one), fold(inputs, other));
        assert.deepEqual(stored(one), stored(other));
      },
    ),
    { numRuns: 30 },
  );
});

describe("forgetting", () => {
  type Standing = "none" | "defer" | "reject";
  const standing = (reputation: Reputation, scope: Ledger["scope"], key: string): Standing =>
    reputation.ledgers.get(scope)?.records.get(key)?.listing?.action ?? "none";
  /** Whether the fold that forgets nothing stands within 0.2 of a threshold or within one message of the share guard. */
  function isClose(record: SenderRecord | undefined, at: number): boolean {
    if (!record) return true;
    const score = tallyAt(record.sums.score, at) / pointUnits;
    if ([2.5, 5, 10].some((threshold) => Math.abs(score - threshold) < 0.2)) return true;
    const { mail, spam } = sampleAt(record, at);
    return (
      shareExceeds({ mail: mail + mailUnits, spam: Math.max(0, spam - mailUnits) }, 500_000) !==
      shareExceeds({ mail: Math.max(0, mail - mailUnits), spam: spam + mailUnits }, 500_000)
    );
  }

  test("changes a decision only within 0.2 of a threshold or one message of the share guard", () => {
    let [compared, forgotten] = [0, 0];
    fc.assert(
      fc.property(fc.oneof(randomEvidence({ stepsMax: 120 }), sparseEvidence), (inputs) => {
        const [forgetful, exact] = [newFold(), newFold(false)];
        const parted = new Set<string>();
        for (const input of inputs) {
          learnDaily(forgetful, input);
          learnDaily(exact, input);
          for (const [{ scope }, key, record] of records(exact)) {
            const name = `${scope}/${key}`;
            if (parted.has(name)) continue;
            compared++;
            if (!forgetful.ledgers.get(scope)?.records.has(key)) forgotten++;
            if (standing(forgetful, scope, key) === standing(exact, scope, key)) continue;
            parted.add(name);
            const isNetworks =
              key.startsWith("prefix:") && [...parted].some((other) => other.startsWith(`${scope}/ip:`));
            assert.ok(isNetworks || isClose(record, exact.now), name);
          }
        }
      }),
      { numRuns: 100, endOnFailure: true },
    );
    assert.ok(compared > 10_000 && forgotten > 1_000, `${compared} compared, ${forgotten} forgotten`);
  });
});
