/** Remembers destinations that did not answer, so that each of a thousand messages does not wait for that itself. */
export interface UnreachableDestinations {
  /** Why a destination is not to be tried at `now` (ms since the epoch); undefined = try it. */
  why(destination: string, now: number): string | undefined;
  add(destination: string, entry: { readonly until: number; readonly text: string }): void;
}

const destinationsMax = 10_000;

/** Kept in memory only: after a restart each destination is tried anew. */
export function createUnreachableDestinations(): UnreachableDestinations {
  const known = new Map<string, { readonly until: number; readonly text: string }>();
  return {
    why(destination, now) {
      const entry = known.get(destination);
      if (entry === undefined) return undefined;
      if (entry.until > now) return entry.text;
      known.delete(destination);
      return undefined;
    },
    add(destination, entry) {
      known.delete(destination);
      for (const oldest of known.keys()) {
        if (known.size < destinationsMax) break;
        known.delete(oldest);
      }
      known.set(destination, entry);
    },
  };
}
