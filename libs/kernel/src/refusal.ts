/** The domain said no: a value with a catalogued code, never an exception. */
export interface Refusal<Code extends string = string> {
  readonly code: Code;
  /** What is wrong and what is allowed, for a person. */
  readonly message: string;
  /** Which input field, outermost first. */
  readonly path?: readonly string[];
  /** Machine-readable facts, e.g. the limit that was hit. Never another tenant's data. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}
