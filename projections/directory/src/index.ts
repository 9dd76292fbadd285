export * from "./create-directory.ts";
export * from "./directory.ts";
export * from "./directory-at.ts";
export { directoryProjection } from "./directory-projection.ts";
export * from "./usage.ts";
