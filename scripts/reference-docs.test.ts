import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { referencePages } from "./reference-pages.ts";

const folder = new URL("../docs/reference/", import.meta.url);
const pages = await referencePages();

describe("reference pages made from the program", () => {
  for (const [name, text] of pages) {
    test(`docs/reference/${name} is current`, () => {
      const written = readFileSync(new URL(name, folder), "utf8");
      assert.equal(written, text, "run `node scripts/generate-reference-docs.ts` and commit the result");
    });
  }
});
