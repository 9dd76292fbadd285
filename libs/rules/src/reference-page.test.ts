import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { contentCharactersMax } from "./match-content.ts";
import { actionNames } from "./parse-action.ts";
import { parseRule, parseRules } from "./parse-rule.ts";
import { comparisons, ruleLimits, textFields, textOperators } from "./rule.ts";

const page = readFileSync(new URL("../../../docs/reference/processing-rules.md", import.meta.url), "utf8");

describe("docs/reference/processing-rules.md", () => {
  const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => JSON.parse(match[1] ?? ""));

  test("its examples are rules", () => {
    assert.ok(examples.length >= 2);
    for (const example of examples) {
      const { problems } = Array.isArray(example) ? parseRules(example, "tenant") : parseRule(example, "mailbox");
      assert.equal(problems, undefined, JSON.stringify(problems));
    }
  });

  test("its actions are actions, and all of them are there", () => {
    const rows = [...page.matchAll(/^\| `(\{"do".*?\})` \|/gm)].map((match) => JSON.parse(match[1] ?? ""));
    for (const action of rows) {
      const { problems } = parseRule({ name: "r", all: [], actions: [action] });
      assert.equal(problems, undefined, JSON.stringify(problems));
    }
    assert.deepEqual(rows.map(({ do: name }) => name).sort(), [...actionNames].sort());
  });

  test("it has every field and operator in its tables", () => {
    const cells = [...page.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(
      (match) => (match[1] ?? "").match(/[A-Za-z]+/g) ?? [],
    );
    for (const name of [...Object.keys(textFields), "size", "score", ...textOperators, "exists", ...comparisons]) {
      assert.ok(cells.includes(name), name);
    }
  });

  test("its limits are the ones in force", () => {
    const limits = page.slice(page.indexOf("## Limits")).replaceAll(/(\d),(\d)/g, "$1$2");
    for (const limit of [...Object.values(ruleLimits), contentCharactersMax]) {
      if (limit !== ruleLimits.nameCharacters) assert.match(limits, new RegExp(`\\b${limit}\\b`));
    }
    assert.ok(page.includes(`1 to ${ruleLimits.nameCharacters} characters`));
  });
});
