import assert from "node:assert/strict";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { scanHouse } from "./scan.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A house with one package at `folder` whose source and dependencies are given, beside a kernel and an events package. */
function seededHouse(folder: string, source: string, dependencies: readonly string[]): string {
  const house = mkdtempSync(join(tmpdir(), "mailfold-house-"));
  const write = (at: string, name: string, text: string, needs: readonly string[]) => {
    mkdirSync(join(house, at, "src"), { recursive: true });
    const manifest = { name, dependencies: Object.fromEntries(needs.map((need) => [need, "*"])) };
    writeFileSync(join(house, at, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(house, at, "src/index.ts"), text);
  };
  for (const lib of ["kernel", "domain", "events", "event-store", "journal"])
    write(`libs/${lib}`, `@mailfold/${lib}`, "export {};\n", []);
  write("apps/api", "@mailfold/app-api", "export {};\n", []);
  write(folder, "@mailfold/seeded", source, dependencies);
  return house;
}

function rulesBroken(folder: string, source: string, dependencies: readonly string[] = []): readonly string[] {
  const house = seededHouse(folder, source, dependencies);
  try {
    return scanHouse(house).map((violation) => violation.rule);
  } finally {
    rmSync(house, { recursive: true });
  }
}

describe("who imports whom", () => {
  test("this repository keeps every rule", () => {
    assert.deepEqual(scanHouse(root), []);
  });

  const journal = `import { x } from "@mailfold/journal";\nexport { x };\n`;
  test("seeded: a projection that imports the journal is caught, in source and manifest", () => {
    const broken = rulesBroken("projections/seeded", journal, ["@mailfold/journal"]);
    assert.deepEqual(broken, ["may not depend on libs/journal", "may not import libs/journal"]);
  });
  test("seeded: an app that imports another app is caught", () => {
    assert.deepEqual(rulesBroken("apps/imap", `import "@mailfold/app-api";\n`, ["@mailfold/app-api"]), [
      "may not depend on apps/api",
      "may not import apps/api",
    ]);
  });
  test("seeded: a node: module, the clock and randomness in a pure room are caught", () => {
    assert.deepEqual(
      rulesBroken("projections/seeded", `import { readFileSync } from "node:fs";\nreadFileSync("x");\n`),
      ["is pure, may not import node:fs"],
    );
    assert.deepEqual(rulesBroken("projections/seeded", "export const at = Date.now();\n"), [
      "is pure, but reads the clock",
    ]);
    assert.deepEqual(rulesBroken("projections/seeded", "export const die = Math.random();\n"), [
      "is pure, but uses randomness",
    ]);
  });
  test("seeded: reaching into another package by path, and an undeclared package, are caught", () => {
    assert.deepEqual(rulesBroken("libs/seeded", `export * from "../../kernel/src/index.ts";\n`), [
      "reaches into libs/kernel/src/index.ts by path",
    ]);
    assert.deepEqual(rulesBroken("libs/seeded", `import { z } from "zod";\nexport { z };\n`), [
      "imports zod, which its manifest does not list",
    ]);
  });
});

describe("tidy", () => {
  const sources = globSync("{libs,projections,apps,scripts,test}/**/*.ts", {
    cwd: root,
    exclude: (name) => name === "node_modules",
  });
  test("no source file is longer than 300 lines", () => {
    const long = sources
      .map((file) => [file, readFileSync(join(root, file), "utf8").split("\n").length - 1] as const)
      .filter(([, lines]) => lines > 300);
    assert.deepEqual(long, []);
  });
  test("file names are kebab-case, and nothing is a utils, helper or manager", () => {
    const odd = sources.filter(
      (file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|e2e))?\.ts$/.test(file.split("/").at(-1) ?? ""),
    );
    assert.deepEqual(odd, []);
    assert.deepEqual(
      sources.filter((file) => /(^|[/-])(utils?|helpers?|managers?)([/.-]|$)/.test(file)),
      [],
    );
  });
  test("no leftover mark of unfinished work", () => {
    const mark = new RegExp(["FIX", "TO", "X"].map((head, index) => head + ["ME", "DO", "XX"][index]).join("|"));
    assert.deepEqual(
      sources.filter((file) => mark.test(readFileSync(join(root, file), "utf8"))),
      [],
    );
  });
});
