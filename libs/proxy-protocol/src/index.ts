export * from "./accept-proxy-v1.ts";
export * from "./addresses.ts";
export * from "./parse-proxy-v1.ts";
