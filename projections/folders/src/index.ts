export * from "./flags.ts";
export { foldersFold } from "./folders-fold.ts";
export * from "./lookup.ts";
export * from "./names.ts";
export * from "./state.ts";
export * from "./uid-set.ts";
