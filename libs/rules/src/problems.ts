/** What is wrong with a rule, and where: `all[1].values[0]`. */
export interface RuleProblem {
  readonly path: string;
  readonly code:
    | "NOT_AN_OBJECT"
    | "UNKNOWN_KEY"
    | "MISSING"
    | "NOT_ALLOWED"
    | "TOO_LONG"
    | "TOO_MANY"
    | "BAD_PATTERN"
    | "BAD_VALUE";
  /** What is allowed, for a person. */
  readonly message: string;
}

const problemsMax = 50;

/** Collects problems while a rule is read; at most 50, more help nobody. */
export class RuleProblems {
  readonly list: RuleProblem[] = [];

  add(path: string, code: RuleProblem["code"], message: string): undefined {
    if (this.list.length < problemsMax) this.list.push({ path, code, message });
    return undefined;
  }

  /** The value as an object without keys beyond `allowed`. */
  object(path: string, value: unknown, allowed: readonly string[]): Readonly<Record<string, unknown>> | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.add(path, "NOT_AN_OBJECT", `an object with ${allowed.join(", ")}`);
    }
    for (const key of Object.keys(value)) {
      if (!allowed.includes(key))
        this.add(join(path, key.slice(0, 50)), "UNKNOWN_KEY", `allowed: ${allowed.join(", ")}`);
    }
    return value as Readonly<Record<string, unknown>>;
  }

  /** The value as text of 1 to `charactersMax` characters on one line. */
  text(path: string, value: unknown, charactersMax: number): string | undefined {
    if (value === undefined) return this.add(path, "MISSING", "text is needed here");
    if (typeof value !== "string" || value === "") return this.add(path, "BAD_VALUE", "text that is not empty");
    if (value.length > charactersMax) return this.add(path, "TOO_LONG", `at most ${charactersMax} characters`);
    // Header injection: text of an action may end up in a header field or a reply.
    if (/\p{Cc}/u.test(value)) return this.add(path, "BAD_VALUE", "no control characters or line ends");
    return value;
  }

  /** The value as one of a few words. */
  word<Word extends string>(path: string, value: unknown, words: readonly Word[]): Word | undefined {
    if (value === undefined) return this.add(path, "MISSING", `one of ${words.join(", ")}`);
    const word = words.find((candidate) => candidate === value);
    return word ?? this.add(path, "NOT_ALLOWED", `one of ${words.join(", ")}`);
  }

  /** Whether the value is true; what is neither true, false nor absent is a problem. */
  isOn(path: string, value: unknown): boolean {
    if (value !== undefined && typeof value !== "boolean") this.add(path, "BAD_VALUE", "true or false");
    return value === true;
  }

  /** The value as a list of `min` to `max` entries. */
  entries(path: string, value: unknown, min: number, max: number): readonly unknown[] | undefined {
    if (!Array.isArray(value)) return this.add(path, value === undefined ? "MISSING" : "BAD_VALUE", "a list");
    if (value.length < min) return this.add(path, "MISSING", `at least ${min}`);
    if (value.length > max) return this.add(path, "TOO_MANY", `at most ${max}`);
    return value;
  }
}

/** A path's next step. */
export function join(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}
