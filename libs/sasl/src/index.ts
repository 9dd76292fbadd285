export * from "./authenticator.ts";
export * from "./sasl-exchange.ts";
export { decodeStrictBase64, saslLineMax } from "./strict-base64.ts";
