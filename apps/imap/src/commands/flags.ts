import { type Folder, storedFlag } from "@mailfold/projection-folders";
import { folderFlags } from "../mailbox/selected-folder.ts";
import { BadSyntax, Refused } from "../wire/command-parser.ts";

const flagLengthMax = 128;

/** Flags a client may set; \Recent and flags unknown here are refused. */
export function checkedFlags(flags: readonly string[]): string[] {
  return flags.map((flag) => {
    const stored = storedFlag(flag);
    if (stored === undefined) throw new BadSyntax(`Flag ${flag} cannot be set`);
    if (stored.length > flagLengthMax) throw new BadSyntax("Flag too long");
    return stored;
  });
}

/** Refuses flags that would take a folder over `keywordsMax` keywords: SELECT lists them all. */
export function refuseTooManyKeywords(folder: Folder, flags: Iterable<string>, keywordsMax: number): void {
  const keywords = [...flags].filter((flag) => !flag.startsWith("\\"));
  if (keywords.length === 0) return;
  const known = new Set(folderFlags(folder));
  for (const keyword of keywords) known.add(keyword);
  if (known.size > keywordsMax) throw new Refused("Too many keywords in this mailbox", "LIMIT");
}
