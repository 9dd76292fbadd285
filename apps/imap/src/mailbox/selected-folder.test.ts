import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderId } from "@mailfold/kernel";
import type { Folder, FolderMessage } from "@mailfold/projection-folders";
import { RecentClaims } from "./recent-claims.ts";
import { SelectedFolder } from "./selected-folder.ts";

const message = (uid: number, modseq = uid): FolderMessage => ({
  uid,
  body: { tenantId: "t", sha256: "s", sizeBytes: 1 },
  prefix: "",
  sizeBytes: 1,
  internalDate: 0,
  flags: [],
  modseq,
});

test("changes while a slow client takes replies are told later, and never as other messages' removal", () => {
  const folder = {
    folderId: "fld_x" as FolderId,
    name: "x",
    uidValidity: 1,
    uidNext: 9,
    highestModseq: 8,
    messages: [1, 2, 3, 4, 5, 6, 7, 8].map((uid) => message(uid)),
  } satisfies Folder as { -readonly [Key in keyof Folder]: Folder[Key] };
  const view = new SelectedFolder(folder, new RecentClaims(), false);
  const remove = (...uids: number[]) => {
    folder.messages = folder.messages.filter(({ uid }) => !uids.includes(uid));
    folder.highestModseq += 1;
  };
  remove(1, 4);
  const told = view.updates(folder, true, new Set());
  const lines = [told.next().value];
  // The client is slow: meanwhile the fold goes on.
  remove(2, 3);
  lines.push(...told);
  assert.deepEqual(lines, ["* 1 EXPUNGE", "* 3 EXPUNGE"]);
  assert.deepEqual([...view.updates(folder, true, new Set())], ["* 1 EXPUNGE", "* 1 EXPUNGE"]);
  assert.deepEqual(
    [...view.all(folder)].map(({ uid, message: there }) => (there === undefined ? -uid : uid)),
    [5, 6, 7, 8],
  );
});
