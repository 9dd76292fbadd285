export { FoldLagging } from "./fold-entry.ts";
export * from "./fold-runner.ts";
export * from "./fold-snapshots.ts";
export * from "./memory-rows.ts";
export * from "./port.ts";
export * from "./projector-parts.ts";
export * from "./read-store.ts";
export { RowError } from "./row-values.ts";
export { RowsUnavailable } from "./sql-reader.ts";
