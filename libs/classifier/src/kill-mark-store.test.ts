import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TenantId } from "@mailfold/kernel";
import { markOf, tokensOf } from "./learn-until-killed-test-world.ts";
import { openMarkStore } from "./sqlite-mark-store.ts";
import { tokenKey } from "./token-store.ts";

const program = new URL("./learn-until-killed-test-world.ts", import.meta.url).pathname;
const marks = 6_000;

test("kill -9 in the midst of learning, again and again: each mark counts exactly once", async () => {
  const dir = mkdtempSync(join(tmpdir(), "mailfold-kill-"));
  const path = join(dir, "classifier.db");
  try {
    let killedMidway = 0;
    for (let round = 0; ; round += 1) {
      assert.ok(round < 30, "it never gets done");
      const child = spawn(process.execPath, [program, path, String(marks)], { stdio: ["ignore", "pipe", "inherit"] });
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (round < 4 && said === "started\n") setTimeout(() => child.kill("SIGKILL"), 40 + 30 * round);
      });
      await once(child, "close");
      if (said.includes("done")) break;
      killedMidway += 1;
    }
    assert.ok(killedMidway >= 1, "it was done before it could be killed");

    const { store, rebuilt } = openMarkStore(path, { tokensMax: 100_000, epoch: "e" });
    assert.equal(rebuilt, undefined);
    assert.equal(Number(store.checkpoint()), marks);
    const last = new Map(Array.from({ length: marks }, (_, n) => [markOf(n + 1).messageKey, markOf(n + 1).kind]));
    const spam = [...last.values()].filter((kind) => kind === "spam").length;
    const expected = { spam, ham: last.size - spam };
    const keys = ["b:all", ...tokensOf("m7").slice(1)].map(tokenKey);
    const { messages, counts } = store.read("ten_1" as TenantId, keys);
    assert.deepEqual(messages, expected);
    assert.deepEqual(counts.get(tokenKey("b:all")), expected);
    const own = last.get("m7") === "spam" ? { spam: 1, ham: 0 } : { spam: 0, ham: 1 };
    for (const key of keys.slice(1)) assert.deepEqual(counts.get(key), own);
    store.close();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
