export * from "./ensure-self-signed.ts";
export * from "./tls-context.ts";
