/** A limit as the API shows it. */
export interface ShownLimit {
  readonly scope: string;
  readonly locked: boolean;
  readonly min: number | null;
  readonly max: number | null;
  readonly allowed: readonly unknown[] | null;
}

/** `min..max` with one end or both, or `a,b,c` of words, true, false; undefined when it is neither. */
export function parseBound(text: string): Readonly<Record<string, unknown>> | undefined {
  const range = /^(\d{0,15})\.\.(\d{0,15})$/.exec(text);
  if (range !== null) {
    const [, min = "", max = ""] = range;
    if (min === "" && max === "") return undefined;
    return { ...(min === "" ? {} : { min: Number(min) }), ...(max === "" ? {} : { max: Number(max) }) };
  }
  const words = text.split(",").map((word) => word.trim());
  if (words.includes("")) return undefined;
  return { allowed: words.map((word) => (word === "true" || word === "false" ? word === "true" : word)) };
}

/** A limit as parseBound reads it; `locked` for a lock. */
export function boundText({ locked, min, max, allowed }: ShownLimit): string {
  if (locked) return "locked";
  return allowed === null ? `${min ?? ""}..${max ?? ""}` : allowed.join(",");
}
