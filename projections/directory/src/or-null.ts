/** Personal fields whose key was erased decode to null, whatever their type says. */
export function orNull<T>(value: T | null | undefined): T | null {
  return value ?? null;
}
