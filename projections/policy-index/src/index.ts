export * from "./policy-at.ts";
export * from "./policy-from-rows.ts";
export * from "./policy-index.ts";
