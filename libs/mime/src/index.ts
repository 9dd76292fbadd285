export { parseAddressList } from "./addresses.ts";
export { decodeHeaderText, decodeTextPart } from "./decode.ts";
export { fieldValue, type HeaderField, headerEnd, headerFields } from "./header-fields.ts";
export { indexMessage } from "./index-message.ts";
export { mimeLimits } from "./limits.ts";
export { type ContentTerm, isHeaderTerm, matchMessage } from "./match-message.ts";
export * from "./mime-index.ts";
export { createMimePool, MimeBudgetExceeded, type MimePool } from "./mime-pool.ts";
export { type ParameterField, parseParameterField } from "./parameters.ts";
