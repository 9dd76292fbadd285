/** What a message has that a sound one has not, as a MIME parser notices it and content checks count it. */
export type MimeFlag =
  | "bad-header-line"
  | "nul-in-header"
  | "raw-8bit-header"
  | "missing-boundary"
  | "unterminated-multipart"
  | "bad-encoding"
  | "unknown-encoding"
  | "unknown-charset"
  | "type-mismatch"
  | "too-deep";
