import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MailEvent } from "@mailfold/events";
import type { FolderId } from "@mailfold/kernel";
import fc from "fast-check";
import { canonicalFolderName, type FolderOutcome, foldersFold, mailboxUsage } from "./index.ts";
import {
  created,
  delivered,
  foldAll,
  id,
  inboxId,
  mailboxKey,
  plainState,
  recorded,
  renamed,
} from "./testing-events.ts";

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
  fc
    .tuple(fc.nat(30), fc.constantFrom("INBOX", "inbox", "a", "a/b", "b", "rule", "//"), fc.integer({ min: 1, max: 5 }))
    .map(([n, name, folder]) => delivered(`d${n}`, { name, folderId: id(folder) })),
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
