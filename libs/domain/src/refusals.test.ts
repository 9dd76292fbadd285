import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { refusals, renderRefusalReference } from "./refusals.ts";

describe("refusals", () => {
  test("docs/reference/refusals.md says what the catalogue says", () => {
    const page = readFileSync(new URL("../../../docs/reference/refusals.md", import.meta.url), "utf8");
    assert.equal(page, renderRefusalReference(), "run: node scripts/generate-event-docs.ts");
  });

  test("codes are upper case, texts are sentences", () => {
    for (const [code, { meaning, allowed }] of Object.entries(refusals)) {
      assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
      assert.match(meaning, /\.$/);
      assert.match(allowed, /\.$/);
    }
  });
});
