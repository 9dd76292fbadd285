import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { settingDefinitions } from "@mailfold/policy";
import { variables } from "../apps/mailfold/src/config-variables.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const page = readFileSync(join(root, "docs/reference/imail-parity.md"), "utf8");

interface Row {
  readonly option: string;
  readonly here: readonly string[];
  readonly state: string;
  readonly how: string;
}
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| IMail |"))
  .map((line): Row => {
    const [option = "", here = "", state = "", how = ""] = line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
    return { option, here: [...here.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""), state, how };
  });
const titles = globSync("test/e2e/options/*.e2e.ts", { cwd: root }).flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^ *test\("((?:[^"\\]|\\.)*)"/gm)].map((match) => match[1] ?? ""),
);

describe("docs/reference/imail-parity.md", () => {
  test("every row has a state, and says why where it is not built", () => {
    assert.ok(rows.length > 70, `${rows.length} rows`);
    const odd = rows.filter(
      ({ here, how, state }) =>
        !["now", "open", "no"].includes(state) || (state === "now" ? here.length === 0 : how === ""),
    );
    assert.deepEqual(odd, []);
  });

  test("every option stands there once", () => {
    const options = rows.map((row) => row.option);
    assert.deepEqual(options.length, new Set(options).size);
  });

  test("every setting, operation and variable that is named exists", () => {
    const fields = readFileSync(join(root, "schema.graphql"), "utf8").matchAll(/^ {2}(\w+)\(/gm);
    const known = new Set([
      ...settingDefinitions.map((definition) => definition.name),
      ...[...fields].map((match) => match[1]),
      ...variables.map((variable) => variable.name),
    ]);
    const unknown = rows.flatMap((row) =>
      row.here.filter((name) => !known.has(name)).map((name) => [row.option, name]),
    );
    assert.deepEqual(unknown, []);
  });

  test("every setting that the policy has covers some option", () => {
    const named = new Set(rows.flatMap((row) => row.here));
    const besides = new Set(besideImail);
    const missing = settingDefinitions.map(({ name }) => name).filter((name) => !named.has(name) && !besides.has(name));
    assert.deepEqual(missing, []);
  });

  test("every option that is built has a test of its name, and every test its row", () => {
    const built = rows.filter((row) => row.state === "now").map((row) => row.option);
    assert.deepEqual([...titles].sort(), built.sort());
  });
});

/** Settings of things that IMail did not have. */
const besideImail = [
  "scannerFailure",
  "spamTraps",
  ...settingDefinitions.map(({ name }) => name).filter((name) => name.startsWith("learning.")),
];
