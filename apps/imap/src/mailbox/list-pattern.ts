import { canonicalFolderName } from "@mailfold/projection-folders";

/** Longest pattern taken: matching costs at most pattern x name. */
export const patternLengthMax = 512;

/**
 * LIST pattern of RFC 3501 section 6.3.8: `*` matches anything, `%` anything but the delimiter. Follows all ways to
 * match at once, so no pattern makes it slow.
 */
export function matchesPattern(name: string, written: string): boolean {
  const pattern = canonicalFolderName(written.replace(/\*[*%]*|%+/g, (run) => (run.includes("*") ? "*" : "%")));
  let states = closure(new Set([0]), pattern);
  for (const char of name) {
    const next = new Set<number>();
    for (const at of states) {
      const wanted = pattern[at];
      if (wanted === "*" || (wanted === "%" && char !== "/")) next.add(at);
      else if (wanted === char) next.add(at + 1);
    }
    if (next.size === 0) return false;
    states = closure(next, pattern);
  }
  return states.has(pattern.length);
}

/** A wildcard also matches nothing. */
function closure(states: Set<number>, pattern: string): Set<number> {
  for (const at of states) if (pattern[at] === "*" || pattern[at] === "%") states.add(at + 1);
  return states;
}
