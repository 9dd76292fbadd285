import { storedFlag } from "@mailfold/projection-folders";
import { BadSyntax } from "../wire/command-parser.ts";

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
