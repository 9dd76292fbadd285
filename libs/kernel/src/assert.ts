/** Compile-time proof that a union is handled in full; at run time a bug, so it throws. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** Throws when an invariant of our own code does not hold. Never for bad input: that is a refusal. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}
