/** The one way to ask for the time; pure code gets instants as data instead. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}
