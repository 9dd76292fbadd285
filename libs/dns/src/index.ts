export * from "./resolver.ts";
