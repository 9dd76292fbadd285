export * from "./ids.ts";
export { deriveUuid, formatUuid, isUuid, uuidBytes, uuidV5, uuidV7 } from "./uuid.ts";
