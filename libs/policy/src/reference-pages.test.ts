import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { reasons } from "./reasons.ts";
import { policySettingsPage, verdictReasonsPage } from "./reference-pages.ts";

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), "utf8");

describe("reference pages", () => {
  test("docs/reference says what the code says (node scripts/generate-policy-docs.ts)", () => {
    assert.equal(page("policy-settings.md"), policySettingsPage());
    assert.equal(page("verdict-reasons.md"), verdictReasonsPage());
  });

  test("every reason's reply fits its action, and its enhanced code fits its reply (RFC 3463 2)", () => {
    for (const [name, { action, code, enhancedCode, text }] of Object.entries(reasons)) {
      const digit = action === "reject" ? 5 : action === "defer" ? 4 : 2;
      assert.equal(Math.floor(code / 100), digit, name);
      assert.match(enhancedCode, new RegExp(`^${digit}\\.\\d\\.\\d{1,3}$`), name);
      assert.match(text, /^[\x20-\x7e]{1,100}$/, name);
    }
  });
});
