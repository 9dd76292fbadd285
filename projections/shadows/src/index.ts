export * from "./shadow-rows.ts";
export * from "./shadows.ts";
