export type { EvidenceKind } from "./evidence-kind.ts";
export * from "./listing-rows.ts";
export { listings } from "./listings.ts";
