import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { MailEvent, SpecialUse } from "@mailfold/events";
import type { FolderId } from "@mailfold/kernel";
import fc from "fast-check";
import { bodiesOf, canonicalFolderName, type FolderOutcome, foldersFold, mailboxUsage } from "./index.ts";
import { foldAll, mailboxKey, plainState, recorded } from "./testing-events.ts";

const inboxId = `fld_${mailboxKey.slice(4)}` as FolderId;
const id = (n: number) => `fld_${n}` as FolderId;

function delivered(
  deliveryId: string,
  folder: FolderId | "INBOX" | SpecialUse = "INBOX",
  flags: string[] = [],
): MailEvent {
  const target = folder === "INBOX" ? folder : folder.startsWith("fld_") ? { id: folder } : { specialUse: folder };
  return {
    type: "MessageDelivered",
    data: {
      deliveryId,
      folder: target as never,
      body: { tenantId: "ten_1", sha256: deliveryId.padStart(64, "0"), sizeBytes: 90 },
      prefix: "P: 1\r\n",
      sizeBytes: 96,
      internalDate: 1_700_000_000_000,
      flags,
    },
  };
}
const created = (n: number, name: string, specialUse?: SpecialUse): MailEvent => ({
  type: "FolderCreated",
  data: { folderId: id(n), name, ...(specialUse ? { specialUse } : {}) },
});
const renamed = (folderId: FolderId, name: string): MailEvent => ({ type: "FolderRenamed", data: { folderId, name } });
const flagged = (
  uids: string,
  operation: "set" | "add" | "remove",
  flags: string[],
  unchangedSince?: number,
): MailEvent => ({
  type: "FlagsChanged",
  data: { folderId: inboxId, uids, operation, flags, ...(unchangedSince === undefined ? {} : { unchangedSince }) },
});

describe("golden streams", () => {
  // The numbering is frozen: these files are never regenerated. A failure here means that clients would see other numbers.
  const dir = new URL("../fixtures/", import.meta.url);
  for (const file of readdirSync(dir)) {
    test(file, () => {
      const golden = JSON.parse(readFileSync(new URL(file, dir), "utf8"));
      const { state, outcomes } = foldAll(golden.events, golden.restoredAt);
      assert.deepEqual(JSON.parse(JSON.stringify(outcomes)), golden.outcomes);
      assert.deepEqual(JSON.parse(JSON.stringify(plainState(state))), golden.state);
    });
  }
});

describe("folders", () => {
  test("INBOX is there before the first event, under the same UIDVALIDITY as after it", () => {
    const before = foldAll([]).state.folderByName("inbox");
    assert.equal(before?.uidValidity, 1);
    const { state, outcomes } = foldAll([created(1, "Work"), delivered("a")]);
    assert.equal(state.folderByName("InBoX")?.uidValidity, 1);
    assert.equal(state.folderByName("Work")?.uidValidity, 2);
    assert.deepEqual(outcomes[1], { type: "delivered", folderId: inboxId, uid: 1, uidValidity: 1 });
  });
  test("a first event may give INBOX its id; later it is taken", () => {
    const { state, outcomes } = foldAll([created(1, "inbox"), created(2, "INBOX")]);
    assert.deepEqual(outcomes[0], { type: "folderCreated", folderId: id(1), uidValidity: 1 });
    assert.deepEqual(outcomes[1], { type: "refused", cause: "name-taken" });
    assert.equal(state.folders.size, 1);
  });
  test("refusals", () => {
    const { outcomes } = foldAll([
      created(1, "a"),
      created(2, "a/b"),
      created(3, "a"),
      { type: "FolderDeleted", data: { folderId: id(1) } },
      { type: "FolderDeleted", data: { folderId: inboxId } },
      { type: "FolderDeleted", data: { folderId: id(9) } },
      renamed(id(1), "a/b/c"),
      renamed(id(2), "INBOX"),
      created(4, "x//y"),
      created(5, Array(65).fill("d").join("/")),
      created(6, "é".repeat(257)),
      created(7, "a\u0000b"),
    ]);
    const causes = outcomes.map((outcome) => (outcome.type === "refused" ? outcome.cause : outcome.type));
    assert.deepEqual(causes, [
      "folderCreated",
      "folderCreated",
      "name-taken",
      "has-children",
      "inbox",
      "no-such-folder",
      "bad-name",
      "name-taken",
      "bad-name",
      "too-many",
      "too-many",
      "bad-name",
    ]);
  });
  test("1,500 folders and not one more", () => {
    const { state, outcomes } = foldAll(Array.from({ length: 1_501 }, (_, n) => created(n, `f${n}`)));
    assert.equal(state.folders.size, 1_500);
    assert.deepEqual(outcomes.at(-1), { type: "refused", cause: "too-many" });
  });
  test("RENAME takes the children along, and all get a UIDVALIDITY never used", () => {
    const { state } = foldAll([created(1, "a"), created(2, "a/b"), created(3, "ab"), renamed(id(1), "z")]);
    const names = [...state.folders.values()].map(({ name, uidValidity }) => `${name}=${uidValidity}`);
    assert.deepEqual(names, ["INBOX=1", "z=5", "z/b=5", "ab=4"]);
  });
  test("renaming INBOX moves its messages and leaves it and its children (RFC 3501 6.3.5)", () => {
    const { state } = foldAll([delivered("a"), delivered("b"), created(1, "INBOX/x"), renamed(inboxId, "Old")]);
    const inbox = state.folderByName("INBOX");
    assert.deepEqual([inbox?.messages.length, inbox?.uidNext, inbox?.uidValidity], [0, 3, 1]);
    assert.deepEqual(
      state.folderByName("Old")?.messages.map(({ uid, modseq }) => [uid, modseq]),
      [
        [1, 4],
        [2, 4],
      ],
    );
    assert.ok(state.folderByName("inbox/x"));
    assert.deepEqual(mailboxUsage(state), { bytes: 192, messages: 2 });
  });
  test("subscriptions outlive folders", () => {
    const { state } = foldAll([
      { type: "FolderSubscriptionChanged", data: { name: "inbox", subscribed: true } },
      { type: "FolderSubscriptionChanged", data: { name: "gone", subscribed: true } },
      { type: "FolderSubscriptionChanged", data: { name: "Inbox", subscribed: false } },
    ]);
    assert.deepEqual([...state.subscriptions], ["gone"]);
  });
});

describe("messages", () => {
  test("a delivery to a missing folder, or a use nobody has, lands in INBOX; a special use is found", () => {
    const { outcomes } = foldAll([
      created(1, "Spam", "junk"),
      delivered("a", "junk"),
      delivered("b", "sent"),
      delivered("c", id(7)),
    ]);
    const places = outcomes.slice(1).map((outcome) => outcome.type === "delivered" && [outcome.folderId, outcome.uid]);
    assert.deepEqual(places, [
      [id(1), 1],
      [inboxId, 1],
      [inboxId, 2],
    ]);
  });
  test("the last 4,096 deliveries are known again", () => {
    const events = Array.from({ length: 4_097 }, (_, n) => delivered(`d${n}`));
    const { outcomes } = foldAll([...events, delivered("d1"), delivered("d0")]);
    assert.equal(outcomes.at(-2)?.type, "ignored");
    assert.equal(outcomes.at(-1)?.type, "delivered");
  });
  test("STORE: operations, unchangedSince, flags in one spelling, nothing changed is no change", () => {
    const { state, outcomes } = foldAll([
      delivered("a", "INBOX", ["\\seen", "\\Recent", "$Work"]),
      delivered("b"),
      flagged("1:9", "add", ["\\FLAGGED"], 1),
      flagged("1", "add", ["$WORK"]),
      flagged("1", "remove", ["$work", "\\Seen"]),
    ]);
    assert.deepEqual(outcomes[2], { type: "flagsChanged", folderId: inboxId, changed: [1], modified: [2] });
    assert.deepEqual(outcomes[3], { type: "flagsChanged", folderId: inboxId, changed: [], modified: [] });
    assert.deepEqual(
      state.folderByName("INBOX")?.messages.map((m) => [m.flags, m.modseq]),
      [
        [["\\Flagged"], 5],
        [[], 2],
      ],
    );
  });
  test("EXPUNGE leaves what lost \\Deleted meanwhile; MOVE within a folder gives new UIDs", () => {
    const { state, outcomes } = foldAll([
      delivered("a", "INBOX", ["\\Deleted"]),
      delivered("b"),
      { type: "MessagesExpunged", data: { folderId: inboxId, uids: "1:2", onlyDeleted: true } },
      { type: "MessagesMoved", data: { folderId: inboxId, uids: "1:5", targetId: inboxId } },
      { type: "MessagesCopied", data: { folderId: inboxId, uids: "3", targetId: inboxId } },
    ]);
    assert.deepEqual(outcomes[2], { type: "expunged", folderId: inboxId, uids: [1] });
    assert.deepEqual(outcomes[3]?.type === "moved" && [outcomes[3].sourceUids, outcomes[3].targetUids], [[2], [3]]);
    assert.equal(bodiesOf(state).length, 1);
    assert.deepEqual(mailboxUsage(state), { bytes: 192, messages: 2 });
  });
  test("a set that is no set touches nothing", () => {
    for (const uids of ["", "*", "1:*", "0", "1,,2", "4294967296", "a", "1:2:3"]) {
      const { outcomes } = foldAll([delivered("a"), flagged(uids, "add", ["\\Seen"])]);
      assert.deepEqual(outcomes[1], { type: "flagsChanged", folderId: inboxId, changed: [], modified: [] }, uids);
    }
  });
});

/** Generated streams over few folders and UIDs, so that events meet each other. */
const folderIds = fc.constantFrom(inboxId, id(1), id(2), id(3));
const uidSets = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(4)), { minLength: 1, maxLength: 3 })
  .map((ranges) => ranges.map(([low, width]) => `${low}:${low + width}`).join(","));
const flagLists = fc.subarray(["\\Seen", "\\Deleted", "\\Flagged", "$Junk", "x"]);
const names = fc.constantFrom("INBOX", "inbox", "a", "a/b", "a/b/c", "b", "b/b", "INBOX/x");
const mailEvents: fc.Arbitrary<MailEvent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(30), fc.oneof(folderIds, fc.constantFrom("INBOX", "junk")), flagLists)
      .map(([n, folder, flags]) => delivered(`d${n}`, folder as never, flags)),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 3 }), names, fc.constantFrom(undefined, "junk" as const))
      .map(([n, name, use]) => created(n, name, use)),
  },
  fc.tuple(folderIds, names).map(([folderId, name]) => renamed(folderId, name)),
  folderIds.map((folderId): MailEvent => ({ type: "FolderDeleted", data: { folderId } })),
  fc
    .tuple(
      folderIds,
      uidSets,
      fc.constantFrom("set" as const, "add" as const, "remove" as const),
      flagLists,
      fc.option(fc.nat(40)),
    )
    .map(
      ([folderId, uids, operation, flags, since]): MailEvent => ({
        type: "FlagsChanged",
        data: { folderId, uids, operation, flags, ...(since === null ? {} : { unchangedSince: since }) },
      }),
    ),
  fc
    .tuple(fc.constantFrom("MessagesCopied" as const, "MessagesMoved" as const), folderIds, uidSets, folderIds)
    .map(([type, folderId, uids, targetId]): MailEvent => ({ type, data: { folderId, uids, targetId } })),
  fc.tuple(folderIds, uidSets, fc.boolean()).map(
    ([folderId, uids, onlyDeleted]): MailEvent => ({
      type: "MessagesExpunged",
      data: { folderId, uids, onlyDeleted },
    }),
  ),
);
const histories = fc.array(mailEvents, { maxLength: 60 });

describe("properties of any history", () => {
  test("(name, UIDVALIDITY, UID) never names two messages; UIDs ascend; MODSEQ follows the stream", () => {
    fc.assert(
      fc.property(histories, (events) => {
        const bodyOf = new Map<string, string>();
        let state = foldersFold.initial(mailboxKey, { restoredAt: 0 });
        const highest = new Map<FolderId, number>();
        for (const [revision, event] of events.entries()) {
          ({ state } = foldersFold.apply(state, recorded(event, revision)));
          let bytes = 0;
          let messages = 0;
          for (const folder of state.folders.values()) {
            assert.ok(
              folder.highestModseq >= (highest.get(folder.folderId) ?? 0) && folder.highestModseq <= revision + 1,
            );
            highest.set(folder.folderId, folder.highestModseq);
            assert.equal(state.folderByName(folder.name), folder);
            let last = 0;
            for (const message of folder.messages) {
              assert.ok(message.uid > last && message.uid < folder.uidNext && message.modseq <= folder.highestModseq);
              last = message.uid;
              const key = `${folder.name} ${folder.uidValidity} ${message.uid}`;
              assert.equal(bodyOf.get(key) ?? message.body.sha256, message.body.sha256, key);
              bodyOf.set(key, message.body.sha256);
              bytes += message.sizeBytes;
              messages += 1;
            }
          }
          assert.deepEqual(mailboxUsage(state), { bytes, messages });
        }
      }),
      { numRuns: 300 },
    );
  });
  test("a duplicate delivery changes nothing", () => {
    fc.assert(
      fc.property(histories, fc.nat(100), (events, at) => {
        const place = Math.min(at, events.length);
        const once = [...events.slice(0, place), delivered("twice"), ...events.slice(place)];
        const { state } = foldAll(once);
        const before = JSON.stringify(plainState(state));
        const result = foldersFold.apply(state, recorded(delivered("twice"), once.length));
        assert.deepEqual(result.outcome, { type: "ignored" } satisfies FolderOutcome);
        assert.equal(JSON.stringify(plainState(result.state)), before);
      }),
      { numRuns: 100 },
    );
  });
  test("snapshot and tail equal the whole fold; a restore moves every UIDVALIDITY by the same seconds", () => {
    fc.assert(
      fc.property(histories, fc.nat(60), fc.constantFrom(0, 1_800_000_000_999), (events, at, restoredAt) => {
        const cut = Math.min(at, events.length);
        const head = foldAll(events.slice(0, cut));
        let state = foldersFold.deserialize(foldersFold.serialize(head.state), mailboxKey, { restoredAt });
        for (const [index, event] of events.slice(cut).entries()) {
          ({ state } = foldersFold.apply(state, recorded(event, cut + index)));
        }
        const whole = foldAll(events, restoredAt).state;
        assert.equal(JSON.stringify(plainState(state)), JSON.stringify(plainState(whole)));
        const plain = foldAll(events).state;
        for (const folder of whole.folders.values()) {
          const unrestored = plain.folders.get(folder.folderId)?.uidValidity ?? 0;
          assert.equal(folder.uidValidity - unrestored, Math.floor(restoredAt / 1000));
        }
      }),
      { numRuns: 200 },
    );
  });
  test("canonical names are fixed points", () => {
    fc.assert(
      fc.property(fc.string(), (name) => canonicalFolderName(canonicalFolderName(name)) === canonicalFolderName(name)),
    );
  });
});

test("50,000 messages: fold, snapshot and reload stay quick", () => {
  const events = Array.from({ length: 50_000 }, (_, n) => delivered(`d${n}`));
  const started = performance.now();
  const { state } = foldAll(events);
  const again = foldersFold.deserialize(foldersFold.serialize(state), mailboxKey, { restoredAt: 0 });
  assert.equal(again.totalMessages, 50_000);
  assert.ok(performance.now() - started < 10_000, "not quadratic");
});
