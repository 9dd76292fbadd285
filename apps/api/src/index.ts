export { formatBearerToken, hashSecret, newSecret, parseBearerToken } from "./bearer-token.ts";
export { type Caller, systemCaller } from "./caller.ts";
export { buildApiSchema } from "./graphql/schema.ts";
export * from "./operations/create-operations.ts";
export type * from "./operations/operation-inputs.ts";
export * from "./operations/operation-outcome.ts";
export type * from "./operations/policy-records.ts";
export * from "./ports.ts";
export { startApi } from "./start-api.ts";
