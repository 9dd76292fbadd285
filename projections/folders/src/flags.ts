/** Flags of RFC 3501 section 2.3.2 that a client may set; \Recent is session memory and never stored. */
export const systemFlags = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"] as const;

/** Most flags kept on one message; further ones are dropped. */
export const flagsPerMessageMax = 64;

const systemByLower = new Map<string, string>(systemFlags.map((flag) => [flag.toLowerCase(), flag]));

/** The stored spelling of a flag, or undefined when it cannot be stored. Keywords keep their case. */
export function storedFlag(flag: string): string | undefined {
  return flag.startsWith("\\") ? systemByLower.get(flag.toLowerCase()) : flag === "" ? undefined : flag;
}

/** Shares one array among all messages with the same flags: most of a mailbox has one of a few combinations. */
export class FlagPool {
  readonly #known = new Map<string, readonly string[]>();

  /** Sorted, without repeats (keywords are compared without case), shared. */
  of(flags: Iterable<string>): readonly string[] {
    const byLower = new Map<string, string>();
    for (const flag of flags) {
      const stored = storedFlag(flag);
      if (stored === undefined || byLower.size >= flagsPerMessageMax) continue;
      const lower = stored.toLowerCase();
      if (!byLower.has(lower)) byLower.set(lower, stored);
    }
    return this.#share([...byLower.values()].sort());
  }

  change(old: readonly string[], operation: "set" | "add" | "remove", flags: readonly string[]): readonly string[] {
    if (operation === "set") return this.of(flags);
    if (operation === "add") return this.of([...old, ...flags]);
    const gone = new Set(flags.map((flag) => flag.toLowerCase()));
    return this.#share(old.filter((flag) => !gone.has(flag.toLowerCase())));
  }

  #share(sorted: readonly string[]): readonly string[] {
    const key = sorted.join(" ");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    // A mailbox with this many combinations gains nothing from sharing; forgetting keeps the pool bounded.
    if (this.#known.size >= 4_096) this.#known.clear();
    this.#known.set(key, sorted);
    return sorted;
  }
}
