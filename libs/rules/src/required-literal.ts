/** Characters whose case folding touches nothing outside ASCII but what foldCase maps back. */
const plain = /[A-Za-z0-9 @_,:;=#%&!"'<>~-]/;
const charactersMin = 3;

/**
 * A text, case folded, that every match of an RE2 pattern contains; undefined when none is certain. Reads only what is
 * beyond doubt: literal runs outside groups and classes, without alternatives. Whatever looks special gives up.
 */
export function requiredLiteral(pattern: string): string | undefined {
  let best = "";
  let run = "";
  const end = (): void => {
    if (run.length > best.length) best = run;
    run = "";
  };
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? "";
    if (character === "|" || character === "(" || character === ")") {
      // A group may be optional or hold alternatives or flags: skipped whole, if that is simple to do.
      const close = character === "(" ? groupEnd(pattern, at) : -1;
      if (close < 0) return undefined;
      end();
      at = close;
    } else if (character === "[") {
      const close = classEnd(pattern, at);
      if (close < 0) return undefined;
      end();
      at = close;
    } else if (character === "*" || character === "?" || character === "{") {
      run = run.slice(0, -1);
      end();
      if (character === "{") {
        const close = pattern.indexOf("}", at);
        if (close < 0) return undefined;
        at = close;
      }
    } else if (character === "\\") {
      at += 1;
      const escaped = pattern[at] ?? "";
      if (/[A-Za-z0-9]/.test(escaped)) {
        if (!/[dDwWsSbB]/.test(escaped)) return undefined;
        end();
      } else if (/[./+-]/.test(escaped)) run += escaped;
      else end();
    } else if (plain.test(character)) run += character;
    else end();
  }
  end();
  return best.length >= charactersMin ? best.toLowerCase() : undefined;
}

/** Where a group closes; -1 when it holds flags, a class or an escape, which need a real parser. */
function groupEnd(pattern: string, open: number): number {
  let depth = 0;
  for (let at = open; at < pattern.length; at += 1) {
    const character = pattern[at];
    if (character === "\\" || character === "[") return -1;
    if (character === "(") depth += 1;
    // `(?i)` changes what follows it; `(?:` does not.
    if (character === "(" && pattern[at + 1] === "?" && pattern[at + 2] !== ":") return -1;
    if (character === ")") depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** Where a simple class closes; -1 when it holds an escape or another class. */
function classEnd(pattern: string, open: number): number {
  let at = open + 1;
  if (pattern[at] === "^") at += 1;
  if (pattern[at] === "]") at += 1;
  for (; at < pattern.length; at += 1) {
    if (pattern[at] === "\\" || pattern[at] === "[") return -1;
    if (pattern[at] === "]") return at;
  }
  return -1;
}
