import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root }).sort();

interface Link {
  readonly page: string;
  readonly target: string;
}

const withoutCode = (text: string) => text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "`");

/** Links of a page that stay in the repository. */
function linksOf(page: string): readonly Link[] {
  const text = withoutCode(readFileSync(join(root, page), "utf8"));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => ({ page, target: match[1] ?? "" }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** GitHub's anchor of each heading. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, "utf8")
    .replace(/```[\s\S]*?```/g, "")
    .matchAll(/^#+ +(.*)$/gm);
  return new Set(
    [...headings].map((match) =>
      (match[1] ?? "")
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function fileOf({ page, target }: Link): string {
  const [path = ""] = target.split("#");
  return path === "" ? join(root, page) : join(root, dirname(page), path);
}

const links = pages.flatMap(linksOf);

describe("documentation", () => {
  test("every link leads to a file", () => {
    const broken = links.filter((link) => !existsSync(fileOf(link)));
    assert.deepEqual(broken, []);
  });

  test("every anchor is a heading", () => {
    const broken = links.filter((link) => {
      const anchor = link.target.split("#")[1];
      const file = fileOf(link);
      return anchor !== undefined && file.endsWith(".md") && existsSync(file) && !anchorsOf(file).has(anchor);
    });
    assert.deepEqual(broken, []);
  });

  test("every page is reached from docs/README.md", () => {
    const linked = new Set(linksOf("docs/README.md").map((link) => relative(root, fileOf(link))));
    const missing = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md" && !linked.has(page));
    assert.deepEqual(missing, []);
  });

  test("every file of the source that a page names is there", () => {
    const files = new Set(
      globSync("{apps,libs,projections,scripts,deploy,test}/**/*", { cwd: root, exclude: isDependency }),
    );
    const named = pages.flatMap((page) =>
      [
        ...readFileSync(join(root, page), "utf8").matchAll(
          /`((?:apps|libs|projections|scripts|deploy|test)\/[\w./-]*)`/g,
        ),
      ].map((match) => ({ page, path: normalize(match[1] ?? "").replace(/\/$/, "") })),
    );
    assert.ok(named.length > 10);
    assert.deepEqual(
      named.filter(({ path }) => !files.has(path)),
      [],
    );
  });

  test("every metric that an alert or a page names is in the catalogue", () => {
    const known = readFileSync(join(root, "docs/reference/metrics.md"), "utf8");
    const named = [
      ...globSync("deploy/**/*.yaml", { cwd: root }),
      ...pages.filter((page) => !page.endsWith("metrics.md")),
    ]
      .flatMap((file) => readFileSync(join(root, file), "utf8").match(/\bmailfold_[a-z0-9_]+\b/g) ?? [])
      .map((name) => name.replace(/_(bucket|sum|count)$/, ""));
    assert.ok(named.length > 5);
    const unknown = named.filter((name) => !known.includes(`\`${name}\``));
    assert.deepEqual(unknown, []);
  });
});

function isDependency(name: string): boolean {
  return name === "node_modules" || name.endsWith("/node_modules");
}
