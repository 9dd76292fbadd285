import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { bodiesOf, mailboxUsage } from "./index.ts";
import { created, delivered, flagged, foldAll, id, inboxId, plainState, renamed } from "./testing-events.ts";

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
  test("a rule's folder is found by name, made once when there is none, and INBOX when its name is none", () => {
    const { state, outcomes } = foldAll([
      created(1, "Work"),
      delivered("a", { name: "Work", folderId: id(7) }),
      delivered("b", { name: "News", folderId: id(8) }),
      delivered("c", { name: "News", folderId: id(9) }),
      delivered("d", { name: "//", folderId: id(10) }),
      delivered("e", { name: "inbox", folderId: id(11) }),
    ]);
    assert.deepEqual(outcomes.slice(1), [
      { type: "delivered", folderId: id(1), uid: 1, uidValidity: 2 },
      { type: "delivered", folderId: id(8), uid: 1, uidValidity: 3 },
      { type: "delivered", folderId: id(8), uid: 2, uidValidity: 3 },
      { type: "delivered", folderId: inboxId, uid: 1, uidValidity: 1 },
      { type: "delivered", folderId: inboxId, uid: 2, uidValidity: 1 },
    ]);
    assert.equal(state.folderByName("News")?.folderId, id(8));
  });
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
