/** A MAIL or RCPT argument taken apart; `path` is what stands between the angle brackets. */
export interface EnvelopeArgument {
  readonly path: string;
  /** Upper-case keyword -> value, "" when it has none. */
  readonly parameters: ReadonlyMap<string, string>;
}
export type EnvelopeSyntax = EnvelopeArgument | "no-path" | "bad-parameter";

const noParameters: ReadonlyMap<string, string> = new Map();

/** Reads `FROM:<path> [parameters]` or `TO:<path> [parameters]` (RFC 5321 4.1.1.2, 4.1.2); `keyword` is FROM or TO. */
export function parseEnvelopeArgument(keyword: "FROM" | "TO", text: string): EnvelopeSyntax {
  const prefix = keyword.length + 1;
  if (text.slice(0, prefix).toUpperCase() !== `${keyword}:`) return "no-path";
  // A blank after the colon is not in the grammar, but common, and it cannot be misread.
  const start = text[prefix] === " " ? prefix + 1 : prefix;
  if (text[start] !== "<") return "no-path";
  const end = endOfPath(text, start + 1);
  if (end < 0) return "no-path";
  const path = text.slice(start + 1, end);
  const rest = text.slice(end + 1);
  if (rest.trimEnd() === "") return { path, parameters: noParameters };
  if (!rest.startsWith(" ")) return "no-path";
  const parameters = parseParameters(rest.trim());
  return parameters === undefined ? "bad-parameter" : { path, parameters };
}

/** Index of the closing bracket; one inside a quoted local part does not close. */
function endOfPath(text: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < text.length; at += 1) {
    const char = text[at];
    if (isQuoted && char === "\\") at += 1;
    else if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && char === ">") return at;
    else if (!isQuoted && char === "<") return -1;
  }
  return -1;
}

function parseParameters(text: string): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  for (const word of text.split(/ +/)) {
    // RFC 5321 4.1.2: esmtp-param; a value holds no "=" and no blank.
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^=\s]+))?$/.exec(word);
    const keyword = match?.[1]?.toUpperCase();
    if (keyword === undefined || parameters.has(keyword)) return undefined;
    parameters.set(keyword, match?.[2] ?? "");
  }
  return parameters;
}
