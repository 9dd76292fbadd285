import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Folder, FolderMessage } from "@mailfold/projection-folders";
import { firstRead } from "./first-read.ts";

const inbox = { specialUse: undefined } as unknown as Folder;
const junk = { specialUse: "junk" } as unknown as Folder;
const message = (verdictId: string | undefined, ...flags: readonly string[]): FolderMessage =>
  ({ ...(verdictId === undefined ? {} : { verdictId }), flags }) as unknown as FolderMessage;
const add = (...flags: readonly string[]) => ({ operation: "add" as const, flags });

describe("what is read for the first time", () => {
  test("names the verdicts of mail that came by SMTP and gains the flag", () => {
    const messages = [message("vrd_1"), message("vrd_2", "\\Seen"), message(undefined), undefined, message("vrd_3")];
    assert.deepEqual(firstRead(inbox, add("\\Seen"), messages), { firstRead: ["vrd_1", "vrd_3"] });
    assert.deepEqual(firstRead(inbox, { operation: "set", flags: ["\\Seen"] }, messages), {
      firstRead: ["vrd_1", "vrd_3"],
    });
    const answered = [message("vrd_1", "\\Seen"), message("vrd_2", "\\Answered")];
    assert.deepEqual(firstRead(inbox, add("\\Seen", "\\Answered"), answered), { firstRead: ["vrd_1"] });
  });

  test("says nothing in Junk, of other flags, of flags that go, and of whole folders at once", () => {
    const messages = [message("vrd_1")];
    assert.deepEqual(firstRead(junk, add("\\Seen"), messages), {});
    assert.deepEqual(firstRead(inbox, add("\\Flagged"), messages), {});
    assert.deepEqual(firstRead(inbox, { operation: "remove", flags: ["\\Seen"] }, messages), {});
    const many = Array.from({ length: 51 }, (_, n) => message(`vrd_${n}`));
    assert.deepEqual(firstRead(inbox, add("\\Seen"), many), {});
  });
});
