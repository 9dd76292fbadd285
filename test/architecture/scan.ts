import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { isPure, mayImport } from "./rooms.ts";

/** A rule broken: where, and which rule. */
export interface Violation {
  readonly file: string;
  readonly rule: string;
}

interface Workspace {
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\(\s*"([^"]+)"\s*\)|(?:^|\n)\s*import\s+"([^"]+)"/g;
const impure: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\(\s*\)/, "reads the clock"],
  [/\bMath\.random\b|\bcrypto\.(?:randomUUID|getRandomValues)\b/, "uses randomness"],
  [/\bprocess\.|\bperformance\.|\bfetch\(|\bsetTimeout\(|\bsetInterval\(/, "does I/O or waits"],
];

/** Reads manifests and imports below `root` and answers every forbidden arrow, impurity and undeclared import. */
export function scanHouse(root: string): readonly Violation[] {
  const manifests = globSync("{libs,projections,apps}/*/package.json", { cwd: root });
  const workspaces = manifests.map((path): Workspace => {
    const json = JSON.parse(readFileSync(join(root, path), "utf8")) as {
      name: string;
      dependencies?: Record<string, string>;
    };
    return { folder: dirname(path), name: json.name, dependencies: Object.keys(json.dependencies ?? {}) };
  });
  const byName = new Map(workspaces.map((workspace) => [workspace.name, workspace]));
  return workspaces.flatMap((workspace) => [
    ...scanManifest(workspace, byName),
    ...scanSources(root, workspace, byName),
  ]);
}

function scanManifest(workspace: Workspace, byName: ReadonlyMap<string, Workspace>): Violation[] {
  const file = `${workspace.folder}/package.json`;
  return workspace.dependencies.flatMap((dependency): Violation[] => {
    const target = byName.get(dependency);
    if (target !== undefined && !mayImport(workspace.folder, target.folder))
      return [{ file, rule: `may not depend on ${target.folder}` }];
    if (target === undefined && isPure(workspace.folder))
      return [{ file, rule: `is pure, may not depend on ${dependency}` }];
    return [];
  });
}

function scanSources(root: string, workspace: Workspace, byName: ReadonlyMap<string, Workspace>): Violation[] {
  const files = globSync("{src,bin}/**/*.{ts,js}", { cwd: join(root, workspace.folder) });
  return files.flatMap((path) => {
    const file = join(workspace.folder, path);
    const text = readFileSync(join(root, file), "utf8");
    const isTest = /\.test\.ts$|-contract\.ts$|-test-world\.ts$/.test(path);
    const imports = [...text.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
    const found = imports.flatMap((specifier) => checkImport({ root, workspace, byName, file, isTest }, specifier));
    if (!isPure(workspace.folder) || isTest) return found;
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
    return [
      ...found,
      ...impure.filter(([pattern]) => pattern.test(code)).map(([, what]) => ({ file, rule: `is pure, but ${what}` })),
    ];
  });
}

interface FileContext {
  readonly root: string;
  readonly workspace: Workspace;
  readonly byName: ReadonlyMap<string, Workspace>;
  readonly file: string;
  readonly isTest: boolean;
}

function checkImport(context: FileContext, specifier: string): Violation[] {
  const { workspace, file, isTest } = context;
  if (specifier.startsWith(".")) {
    const target = relative(context.root, join(context.root, dirname(file), specifier));
    const outside = !target.startsWith(`${workspace.folder}/`);
    return outside && !isTest ? [{ file, rule: `reaches into ${target} by path` }] : [];
  }
  if (isTest) return [];
  if (specifier.startsWith("node:"))
    return isPure(workspace.folder) ? [{ file, rule: `is pure, may not import ${specifier}` }] : [];
  const name = specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : (specifier.split("/")[0] ?? "");
  const target = context.byName.get(name);
  if (target !== undefined && target.folder !== workspace.folder && !mayImport(workspace.folder, target.folder)) {
    return [{ file, rule: `may not import ${target.folder}` }];
  }
  if (name !== workspace.name && !workspace.dependencies.includes(name))
    return [{ file, rule: `imports ${name}, which its manifest does not list` }];
  return [];
}
