import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { parseSetting } from "./setting-argument.ts";

/** A change, as GraphQL's PolicyChangeInput has it. */
type Change = Readonly<Record<string, unknown>>;
type ChangeOption = (typeof names)[number];
/** Changes of a policy, by the option that named them. */
export type ChangeOptions = { readonly [Name in ChangeOption]?: readonly Change[] };

const names = ["set", "unset", "accept", "kill", "unaccept", "unkill", "deleteRule", "pardon", "changes"] as const;

const each =
  (read: (text: string) => Change | readonly Change[]) =>
  (text: string, before: readonly Change[] = []): readonly Change[] =>
    [...before, read(text)].flat();

const entry = (kind: "entryAdd" | "entryRemove", list: "ACCEPT" | "KILL") =>
  each((pattern) => ({ [kind]: { list, pattern } }));

/** Adds the options that name changes of a policy to try; all can be repeated. */
export function addChangeOptions(command: Command): Command {
  const unset = each((name) => ({ unset: [name] }));
  const deleteRule = each((name) => ({ ruleDelete: { name } }));
  const pardon = each((subject) => ({ pardon: { subject } }));
  return command
    .option("--set <name=value>", "a setting; value as JSON, or plain text", each(readSetting))
    .option("--unset <name>", "a setting that inherits again", unset)
    .option("--accept <pattern>", "one more entry of the accept list", entry("entryAdd", "ACCEPT"))
    .option("--kill <pattern>", "one more entry of the kill list", entry("entryAdd", "KILL"))
    .option("--unaccept <pattern>", "an entry taken off the accept list", entry("entryRemove", "ACCEPT"))
    .option("--unkill <pattern>", "an entry taken off the kill list", entry("entryRemove", "KILL"))
    .option("--delete-rule <name>", "a processing rule deleted", deleteRule)
    .option("--pardon <subject>", "a learned listing pardoned", pardon)
    .option("--changes <file>", "a JSON list of changes, as PolicyChangeInput has them", each(readChanges));
}

/** The changes that options name. Refuses none at all. */
export function changesOf(options: ChangeOptions): readonly Change[] {
  const changes = names.flatMap((name) => options[name] ?? []);
  if (changes.length > 0) return changes;
  throw new InvalidArgumentError("name at least one change: --set, --unset, --accept, --kill ... or --changes FILE");
}

function readSetting(text: string): Change {
  const [name, value] = parseSetting(text);
  return value === undefined ? { unset: [name] } : { set: { [name]: value } };
}

function readChanges(file: string): readonly Change[] {
  try {
    const changes: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (Array.isArray(changes)) return changes as readonly Change[];
  } catch (error) {
    throw new InvalidArgumentError(`${file}: ${(error as Error).message}`);
  }
  throw new InvalidArgumentError(`${file}: holds no list of changes`);
}
