/** A scanner that gave no usable answer in time. What policy does about it is its setting; it is never an exception. */
export interface ScannerDown {
  readonly status: "down";
  /** One line for operators: what went wrong, in plain ASCII, at most 200 characters. */
  readonly cause: string;
}

/** The answer that tells of our own load, not of the scanner. */
export const noPlace: ScannerDown = { status: "down", cause: "too many scans under way" };

/** Makes a down answer of anything that was thrown or said. */
export function down(cause: unknown): ScannerDown {
  const text = cause instanceof Error ? messageOf(cause) : String(cause);
  return { status: "down", cause: printable(text, 200) };
}

/** fetch says "fetch failed" and keeps the reason in `cause`. */
function messageOf(error: Error): string {
  const inner = error.cause;
  if (!(inner instanceof Error)) return error.message;
  const code = (inner as { readonly code?: unknown }).code;
  return `${error.message}: ${inner.message === "" ? String(code) : inner.message}`;
}

/** A scanner's text as one printable ASCII line of at most `lengthMax` characters. */
export function printable(text: string, lengthMax: number): string {
  return text
    .slice(0, lengthMax * 4)
    .replace(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, lengthMax);
}
