import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MailboxId } from "@mailfold/kernel";
import { cachedUsedBytes } from "./usage.ts";

describe("cached use", () => {
  test("is asked once until the usage rows advance", () => {
    let bytes = 10;
    let asked = 0;
    const used = cachedUsedBytes(() => {
      asked += 1;
      return bytes;
    });
    const mailboxId = "mbx_1" as MailboxId;
    assert.deepEqual([used.of(mailboxId), used.of(mailboxId), asked], [10, 10, 1]);
    bytes = 20;
    used.invalidate();
    assert.deepEqual([used.of(mailboxId), asked], [20, 2]);
  });
});
